import { html, type TemplateResult } from 'lit';
import type { Pane } from '../state.ts';
import { headerPane } from './header.ts';
import './map.ts';
import { overviewPane } from './overview.ts';
import type { PaneContent } from './pane.ts';

/** The content of each pane. */
export const paneContents: Readonly<Record<Pane, (content: PaneContent) => TemplateResult>> = {
  overview: ({ image, session, listed, selection }) => overviewPane(image, session, listed, selection),
  header: ({ image, listed, selection }) => headerPane(image, listed, selection),
  map: (content) => html`<qcow2-map .content=${content} .scan=${content.session.scan}></qcow2-map>`,
};
