import type { MapKind } from '../widgets/kinds.ts';

/** What a byte is drawn as besides its value. */
export interface ByteLook {
  readonly kind: MapKind | undefined;
  /** What it belongs to, for the column of notes. */
  readonly note: string;
  /** Of tables: the index of the entry. */
  readonly entry?: number;
}

/** Whether two bytes belong to the same thing: the same field, or the same entry of a table. */
export function sameThing(a: ByteLook, b: ByteLook): boolean {
  return a.note === b.note && a.entry === b.entry;
}

/**
 * What the bytes of a row are: `header.magic · version`, `L1[2…3]`. `before`: the note of the byte before them, which is
 * not repeated unless it is a table, whose entries are counted.
 */
export function rowNote(looks: readonly ByteLook[], before: string): string {
  const parts: { note: string; first: number | undefined; last: number | undefined }[] = [];
  for (const { note, entry } of looks) {
    const last = parts.at(-1);
    if (last?.note === note) {
      last.last = entry;
    } else {
      parts.push({ note, first: entry, last: entry });
    }
  }
  return parts
    .filter(({ note, first }, index) => note !== '' && (index > 0 || first !== undefined || note !== before))
    .map(({ note, first, last }, index, all) => {
      const entries = first === undefined ? '' : first === last ? `[${first}]` : `[${first}…${last}]`;
      return `${withoutShared(note, all[index - 1]?.note)}${entries}`;
    })
    .join(' · ');
}

/** A field's name without that of its structure, where the one before it has the same. */
function withoutShared(note: string, before: string | undefined): string {
  const end = note.lastIndexOf('.') + 1;
  return end > 0 && before?.startsWith(note.slice(0, end)) ? note.slice(end) : note;
}
