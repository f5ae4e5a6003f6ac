import { html, type TemplateResult } from 'lit';

/** Subclusters of a cluster. */
const count = 32;

/** What a subcluster can be by its two bits, with its sign. */
const states = [
  { sign: '·', words: 'unallocated' },
  { sign: '■', words: 'data' },
  { sign: '0', words: 'zero' },
  { sign: '✕', words: 'both data and zero' },
] as const;

/** The subclusters of an extended L2 entry, the first one first, in groups of eight; `allocated` and `zero` as hex digits. */
export function subclusterMap(bits: { readonly allocated: string; readonly zero: string }): TemplateResult {
  const allocated = Number.parseInt(bits.allocated, 16);
  const zero = Number.parseInt(bits.zero, 16);
  const kinds = Array.from({ length: count }, (_, index) => ((allocated >>> index) & 1) + ((zero >>> index) & 1) * 2);
  const words = subclusterWords(kinds);
  const signs = kinds.map((kind) => states[kind]?.sign).join('');
  return html`<span class="subclusters" role="img" aria-label=${words} title=${words}>${signs.replaceAll(/(.{8})(?=.)/g, '$1 ')}</span>`;
}

/** The signs, explained. */
export const subclusterLegend = states.map(({ sign, words }) => `${sign} ${words}`).join(', ');

/** `subclusters 0…3 data, 4…31 unallocated`. */
function subclusterWords(kinds: readonly number[]): string {
  const runs: string[] = [];
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && kinds[to] === kinds[from]) {
      to++;
    }
    runs.push(`${to - from === 1 ? from : `${from}…${to - 1}`} ${states[kinds[from] ?? 0]?.words}`);
    from = to;
  }
  return `subclusters ${runs.join(', ')}`;
}
