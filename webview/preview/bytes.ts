import { html, nothing, type TemplateResult } from 'lit';
import { showHex, showOffset } from '../../src/engine/format/show.ts';

/** Bytes of a line. */
export const lineBytes = 16;

/** A run of bytes that all differ, or all don't, by places in the line. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly differs: boolean;
}

/** The bytes of a line as they are, and as they will be: what changes is marked in both. */
export function oldAndNew(before: Uint8Array, after: Uint8Array): TemplateResult {
  return html`<span class="old">${half(before, after, 'del')}</span><span class="arrow" aria-hidden="true">→</span
    ><span class="spoken">becomes</span><span class="new">${half(after, before, 'ins')}</span>`;
}

function half(bytes: Uint8Array, other: Uint8Array, mark: 'del' | 'ins'): TemplateResult | TemplateResult[] {
  if (bytes.length === 0) {
    return html`<span class="quiet">past the end</span>`;
  }
  return runs(bytes, other).map(({ from, to, differs }, index) => {
    const words = showHex(bytes.subarray(from, to));
    const gap = index === 0 ? nothing : ' ';
    if (!differs) {
      return html`${gap}${words}`;
    }
    return mark === 'del' ? html`${gap}<del>${words}</del>` : html`${gap}<ins>${words}</ins>`;
  });
}

function runs(bytes: Uint8Array, other: Uint8Array): Run[] {
  const found: Run[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const differs = bytes[at] !== other[at];
    const last = found.at(-1);
    if (last?.differs === differs) {
      found[found.length - 1] = { ...last, to: at + 1 };
    } else {
      found.push({ from: at, to: at + 1, differs });
    }
  }
  return found;
}

/** A part of the bytes of a write: lines that change, or how many lie between them that don't. */
type Part = { readonly line: number } | { readonly same: number };

/**
 * All lines of a write that change, side by side, and what lies between them in words.
 *
 * @param at - host offset of the first byte
 */
export function changedLines(at: bigint, before: Uint8Array, after: Uint8Array): TemplateResult {
  return html`<div class="lines">
    ${parts(before, after).map((part) =>
      'same' in part
        ? html`<p class="quiet same">${part.same === 1 ? 'a line' : `${part.same} lines`} as before</p>`
        : html`<p class="line">
          <span class="quiet at">${showOffset(at + BigInt(part.line))}</span>
          ${oldAndNew(cut(before, part.line), cut(after, part.line))}
        </p>`,
    )}
  </div>`;
}

function parts(before: Uint8Array, after: Uint8Array): Part[] {
  const found: Part[] = [];
  for (let line = 0; line < after.length; line += lineBytes) {
    const [old, now] = [cut(before, line), cut(after, line)];
    const last = found.at(-1);
    if (old.length !== now.length || now.some((byte, index) => byte !== old[index])) {
      found.push({ line });
    } else if (last !== undefined && 'same' in last) {
      found[found.length - 1] = { same: last.same + 1 };
    } else {
      found.push({ same: 1 });
    }
  }
  return found;
}

function cut(bytes: Uint8Array, line: number): Uint8Array {
  return bytes.subarray(line, line + lineBytes);
}
