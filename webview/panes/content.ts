import { html, type TemplateResult } from 'lit';
import type { Pane } from '../state.ts';
import '../widgets/asked.ts';
import './bitmaps.ts';
import './chain.ts';
import { headerPane } from './header.ts';
import './hex.ts';
import './map.ts';
import { overviewPane } from './overview.ts';
import type { PaneContent } from './pane.ts';
import './snapshots.ts';
import './tables.ts';

/** The content of each pane. */
export const paneContents: Readonly<Record<Pane, (content: PaneContent) => TemplateResult>> = {
  overview: ({ image, session, listed, selection }) => overviewPane(image, session, listed, selection),
  header: ({ image, session, listed, selection }) => headerPane(image, listed, selection, session.before?.image),
  map: (content) => html`<qcow2-map .content=${content} .scan=${content.session.scan}></qcow2-map>`,
  tables: (content) => html`<qcow2-tables .content=${content}></qcow2-tables>`,
  snapshots: (content) => html`<qcow2-snapshots .content=${content}></qcow2-snapshots>`,
  bitmaps: (content) => html`<qcow2-bitmaps .content=${content}></qcow2-bitmaps>`,
  check: (content) => later('check', () => import('./check.ts'), html`<qcow2-check .content=${content}></qcow2-check>`),
  encryption: (content) =>
    later(
      'encryption',
      () => import('./encryption.ts'),
      html`<qcow2-encryption .content=${content}></qcow2-encryption>`,
    ),
  chain: (content) => html`<qcow2-chain .content=${content}></qcow2-chain>`,
  hex: (content) => html`<qcow2-hex-pane .content=${content}></qcow2-hex-pane>`,
};

/** A pane whose code is loaded when it is shown; once it is there, it stays. */
function later(name: Pane, code: () => Promise<unknown>, pane: TemplateResult): TemplateResult {
  return html`<qcow2-asked name=${name} words="Loading the pane" .ask=${code} .show=${() => pane}></qcow2-asked>`;
}
