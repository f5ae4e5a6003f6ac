import { html, type TemplateResult } from 'lit';
import { icon } from './icon.ts';

/** A value that is another one than before: `old → new`, told apart by its line and sign, not by colour alone. */
export function changed(before: TemplateResult | string, now: TemplateResult | string): TemplateResult {
  return html`<span class="changed">${icon('diff-modified')}<span class="spoken">changed from </span><del>${before}</del> →
    <span class="spoken">to </span>${now}</span>`;
}
