import { html, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Image } from '../description.ts';
import { keySlotStates } from '../inspector/encryption.ts';
import { hostRange, type Selection, sameSelection, select } from '../selection.ts';

type Luks = NonNullable<NonNullable<Image['encryption']>['luks']>;

/** Bytes of a LUKS1 header. */
const headerBytes = 592n;

/** A part of the LUKS area. Offsets are from its start. */
interface AreaPart {
  readonly start: bigint;
  readonly end: bigint;
  /** What is written on it. */
  readonly label: string;
  readonly kind: 'header' | 'active' | 'disabled' | 'unused';
  readonly words: string;
  readonly selection: Selection;
}

/** The parts of a LUKS area in the order in which they lie: header, key material, and what is between. */
export function luksParts(area: { readonly offset: bigint; readonly length: bigint }, luks: Luks): AreaPart[] {
  const header = { start: 0n, end: headerBytes, label: 'header', kind: 'header', words: 'LUKS header' } as const;
  const material = luks.slots.map(({ index, state, material: { offset, length } }) => ({
    start: offset,
    end: offset + length,
    label: String(index),
    kind: state === 'active' ? ('active' as const) : ('disabled' as const),
    words: `key material of slot ${index}, ${keySlotStates[state]}`,
    selection: { kind: 'key-slot', index } as const,
  }));
  const all = [{ ...header, selection: hostRange(area.offset, headerBytes) }, ...material].sort((a, b) =>
    a.start < b.start ? -1 : a.start > b.start ? 1 : 0,
  );
  const parts: AreaPart[] = [];
  let at = 0n;
  const unused = (end: bigint): void => {
    if (at < end) {
      const selection = hostRange(area.offset + at, end - at);
      parts.push({ start: at, end, label: '', kind: 'unused', words: 'unused', selection });
      at = end;
    }
  };
  for (const part of all) {
    // Where parts overlap, the later one shows what is left of it; a finding tells of the overlap.
    const start = part.start > at ? part.start : at;
    const end = part.end < area.length ? part.end : area.length;
    if (start < end) {
      unused(start);
      parts.push({ ...part, start, end });
      at = end;
    }
  }
  unused(area.length);
  return parts;
}

/** The LUKS area as a bar; each part selects itself. A part is as wide as its bytes, but can always be seen. */
export function luksPicture(
  area: { readonly offset: bigint; readonly length: bigint },
  luks: Luks,
  selection: Selection | undefined,
): TemplateResult {
  const parts = luksParts(area, luks);
  return html`<div class="luks-area" role="group" aria-label="LUKS area">
      ${parts.map((part) => {
        const place = `${showOffset(area.offset + part.start)} + ${showSize(part.end - part.start)}`;
        const permille = area.length === 0n ? 0 : Number(((part.end - part.start) * 1000n) / area.length);
        return html`<button
          class="luks-part luks-${part.kind}"
          .style=${`flex-grow: ${permille}`}
          title=${`${part.words}: ${place}`}
          aria-label=${`${part.words}: ${place}`}
          aria-current=${sameSelection(part.selection, selection) ? 'true' : 'false'}
          @click=${(event: Event) => select(event, part.selection)}
        >${part.label}</button>`;
      })}
    </div>
    <ul class="legend luks-legend" aria-label="Parts of the LUKS area">
      ${(['header', 'active', 'disabled', 'unused'] as const).map(
        (kind) => html`<li><span class="luks-sample luks-${kind}" aria-hidden="true"></span>${kindWords[kind]}</li>`,
      )}
    </ul>`;
}

const kindWords = {
  header: 'LUKS header',
  active: 'key material in use',
  disabled: 'room for key material, not in use',
  unused: 'unused',
} as const;
