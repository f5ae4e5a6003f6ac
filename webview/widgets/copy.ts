import { html, type TemplateResult } from 'lit';

/** Something to be copied, by name. */
export type Copyable = readonly [name: string, text: string];

/** Buttons that copy texts; whether it worked is said beside them. */
export function copyButtons(items: readonly Copyable[]): TemplateResult {
  return html`<p class="links">
    ${items.map(([name, text]) => html`<button class="link" @click=${(event: Event) => copy(event, name, text)}>${name}</button>`)}
    <span class="quiet" aria-live="polite" data-copied></span>
  </p>`;
}

function copy(event: Event, name: string, text: string): void {
  const said = (event.currentTarget as HTMLElement).parentElement?.querySelector('[data-copied]');
  const say = (words: string): void => {
    if (said) {
      said.textContent = words;
    }
  };
  navigator.clipboard.writeText(text).then(
    () => say(`${name} copied`),
    (thrown: unknown) => say(`could not be copied: ${thrown instanceof Error ? thrown.message : String(thrown)}`),
  );
}

/** A value as JSON; bigints as decimal strings, bytes as hex. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, held: unknown) => {
      if (typeof held === 'bigint') {
        return held.toString();
      }
      return held instanceof Uint8Array
        ? Array.from(held, (byte) => byte.toString(16).padStart(2, '0')).join('')
        : held;
    },
    2,
  );
}
