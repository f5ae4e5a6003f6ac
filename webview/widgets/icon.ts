import { html, type TemplateResult } from 'lit';
import type { Severity } from '../description.ts';
import { severities } from '../findings.ts';

/** A codicon. Decoration only: what it says must also be in the text beside it. */
export function icon(name: string, tone = ''): TemplateResult {
  return html`<span class="codicon codicon-${name} ${tone}" aria-hidden="true"></span>`;
}

/** The icon of a severity with its word for screen readers. */
export function severityIcon(severity: Severity): TemplateResult {
  const { icon: name, one } = severities[severity];
  return html`${icon(name, `tone-${severity}`)}<span class="spoken">${one}: </span>`;
}
