import { html, type TemplateResult } from 'lit';
import type { Image } from '../description.ts';
import { hostRange, type Selection } from '../selection.ts';
import { visible } from '../widgets/visible.ts';
import { link } from './parts.ts';

/** A part of a text: as it is, or one that selects something. */
export interface TextPart {
  readonly text: string;
  readonly selection?: Selection;
}

/** What is looked for: entries with their layer, other places by index, header fields, clusters, offsets. */
const places = new RegExp(
  [
    String.raw`(?<layer>snapshot\[(?<snapshot>\d+)\]\s*(?:->|→)\s*)?L1\[(?<l1>\d+)(?:…\d+)?\](?<l2part>\s*(?:->|→)\s*L2\[(?<l2>\d+)(?:…\d+)?\])?`,
    String.raw`refcount_table\[(?<block>\d+)(?:…\d+)?\]`,
    String.raw`(?<indexed>extension|snapshot|bitmap)\[(?<index>\d+)\]`,
    String.raw`header\.(?<field>\w+)`,
    String.raw`(?<clusterSpace>guest |host )?cluster (?<cluster>\d[\d\u202f]*)`,
    String.raw`(?<guest>guest (?:offset )?)?(?<offset>0x[\da-f][\da-f_]*)\b`,
  ].join('|'),
  'g',
);

/** The places that a text names, each with what it selects. Offsets and clusters are the file's, unless it says guest. */
export function placesIn(text: string, image: Image): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(places)) {
    const selected = selectionsOf(match[0], match.groups ?? {}, image);
    if (selected.length > 0) {
      parts.push({ text: text.slice(end, match.index) }, ...selected);
      end = match.index + match[0].length;
    }
  }
  return [...parts, { text: text.slice(end) }].filter((part) => part.text !== '');
}

/** A text in which each place that it names is a link. */
export function linkedText(shown: string, image: Image): TemplateResult {
  return html`${placesIn(shown, image).map((part) =>
    part.selection === undefined ? visible(part.text) : link(part.text, part.selection),
  )}`;
}

type Groups = Readonly<Record<string, string | undefined>>;

function selectionsOf(whole: string, groups: Groups, image: Image): TextPart[] {
  const one = (selection: Selection | undefined): TextPart[] => (selection ? [{ text: whole, selection }] : []);
  const { l1, l2, l2part = '', block, indexed, index, field } = groups;
  if (l1 !== undefined) {
    const layer = groups.snapshot === undefined ? {} : { snapshot: Number(groups.snapshot) };
    const first = {
      text: whole.slice(0, whole.length - l2part.length),
      ...entry({ kind: 'l1-entry', index: Number(l1), ...layer }),
    };
    const [arrow = ''] = /^\s*(?:->|→)\s*/.exec(l2part) ?? [];
    return l2 === undefined
      ? [first]
      : [
          first,
          { text: arrow },
          {
            text: l2part.slice(arrow.length),
            ...entry({ kind: 'l2-entry', l1: Number(l1), index: Number(l2), ...layer }),
          },
        ];
  }
  if (block !== undefined) {
    return one({ kind: 'refcount-table-entry', index: Number(block) });
  }
  if (indexed === 'extension' || indexed === 'snapshot' || indexed === 'bitmap') {
    return one({ kind: indexed, index: Number(index) });
  }
  if (field !== undefined) {
    return image.header?.fields.some(({ name }) => name === field) ? one({ kind: 'field', name: field }) : [];
  }
  return one(rangeOf(groups, image));
}

function entry(selection: Selection): { selection: Selection } {
  return { selection };
}

/** The cluster or the byte that a text names, where the space has it. */
function rangeOf(groups: Groups, { geometry, file }: Image): Selection | undefined {
  const { cluster, clusterSpace, guest, offset } = groups;
  const size = BigInt(geometry?.clusterSize ?? 0);
  const isGuest = guest !== undefined || clusterSpace === 'guest ';
  const end = isGuest ? (geometry?.virtualSize ?? 0n) : file.size;
  const start =
    offset === undefined
      ? BigInt((cluster ?? '0').replaceAll('\u202f', '')) * size
      : BigInt(offset.replaceAll('_', ''));
  if (start >= end || (offset === undefined && size === 0n)) {
    return undefined;
  }
  const wanted = offset === undefined ? size : 1n;
  const length = start + wanted > end ? end - start : wanted;
  return isGuest ? { kind: 'guest', start, length } : hostRange(start, length);
}
