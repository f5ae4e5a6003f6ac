/** Keys of a short table whose rows are all in the page: arrows, Home and End move among its rows and select. */
export function rowKeys(event: KeyboardEvent): void {
  const { currentTarget, target } = event;
  if (!(currentTarget instanceof HTMLElement) || !(target instanceof HTMLElement)) {
    return;
  }
  const rows = [...currentTarget.querySelectorAll<HTMLElement>('tbody [role=row]')];
  const at = rows.indexOf(target);
  if (at < 0) {
    return;
  }
  const places: Readonly<Record<string, number>> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: rows.length - 1,
    Enter: at,
    ' ': at,
  };
  const next = places[event.key];
  if (next === undefined) {
    return;
  }
  event.preventDefault();
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
  row?.focus();
  row?.click();
}
