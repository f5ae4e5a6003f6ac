import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import { countsOf, wholeCheck } from '../checkCounts.ts';
import type { Image, Section } from '../description.ts';
import { countFindings, countWords, type Listed, unlistedCount, worst } from '../findings.ts';
import { readyValue } from '../loaded.ts';
import type { Session } from '../session.ts';
import { icon } from './icon.ts';
import { holderWords, isWritten } from './notice.ts';
import { percent } from './progress.ts';
import { message, visible } from './visible.ts';

/** The top of the page: what the image is at a glance, and how it is. */
export function strip(name: string, image: Image, session: Session, listed: readonly Listed[]): TemplateResult {
  return html`<header class="strip">
    <div class="strip-words">
      <h1><bdi>${visible(name)}</bdi></h1>
      <p class="strip-line">${glance(image)}</p>
    </div>
    <div class="badges">
      ${tags(image).map((tag) => html`<span class="badge">${tag}</span>`)}${health(image, session, listed)}${holders(session)}${action(image, session)}
    </div>
  </header>`;
}

function glance(image: Image): TemplateResult[] {
  const { file, geometry, header, backing } = image;
  const words: (TemplateResult | undefined)[] = [
    geometry && html`<b>${showSize(geometry.virtualSize)}</b> virtual`,
    html`<b>${showSize(file.allocated ?? file.size)}</b> ${file.allocated === undefined ? 'long' : 'on disk'}`,
    geometry && html`${showSize(geometry.clusterSize).replace(' bytes', '-byte')} clusters`,
    header && (header.compat ? html`compat <b>${header.compat}</b>` : html`version <b>${header.version}</b>`),
    geometry && html`${geometry.compressionType}`,
    image.encryption && html`${image.encryption.method} encryption`,
    backing && html`backing <bdi class="name">${visible(backing.name)}</bdi>`,
    image.dataFile && html`data file <bdi class="name">${visible(image.dataFile.name ?? 'not named')}</bdi>`,
  ];
  const there = words.filter((part) => part !== undefined);
  return there.map((part, index) => html`<span class="part">${part}${index < there.length - 1 ? ' ·' : ''}</span> `);
}

function tags(image: Image): string[] {
  const count = (list: Section, one: string, many: string): string[] => {
    const length = list.count ?? list.items.length;
    return length === 0 ? [] : [`${showCount(length)} ${length === 1 ? one : many}`];
  };
  const features = (image.header?.features ?? []).flatMap((mask) => mask.bits.filter((bit) => bit.set && bit.known));
  const shown = ['dirty', 'corrupt', 'lazy refcounts', 'extended L2 entries', 'extended L2'];
  return [
    ...count(image.snapshots, 'snapshot', 'snapshots'),
    ...count(image.bitmaps, 'bitmap', 'bitmaps'),
    ...features.map((bit) => bit.name).filter((name) => shown.includes(name)),
  ];
}

/** The health of the image. What is not known yet is never shown as zero. */
function health(image: Image, session: Session, listed: readonly Listed[]): TemplateResult | typeof nothing {
  const whole = wholeCheck(session);
  const known = whole === undefined ? countFindings(listed.map(({ finding }) => finding)) : countsOf(whole);
  const scan = readyValue(session.scan);
  const more = whole === undefined ? unlistedCount(scan) : 0;
  const counts = `${countWords(known)}${more > 0 ? ` · ${showCount(more)} more` : ''}`;
  if (image.qemuRefusal !== undefined) {
    return badge('corruption', 'error', `QEMU refuses: ${message(image.qemuRefusal)}`);
  }
  const severity = worst(known);
  const found =
    severity && badge(severity, severity === 'corruption' ? 'error' : severity === 'note' ? 'info' : 'warning', counts);
  if (!session.canScan) {
    return found ?? badge('note', 'info', 'not a qcow2 image');
  }
  switch (session.scan.state) {
    case 'ready':
      return found ?? (whole === undefined ? noneSoFar(session) : badge('kept', 'pass', 'no findings'));
    case 'failed':
      return html`${found ?? nothing}${badge('warning', 'warning', 'tables could not be read')}`;
    case 'cancelled':
      return html`${found ?? nothing}${badge('note', 'circle-slash', 'tables not read')}`;
    case 'waiting':
    case 'loading':
      if (session.scan.state === 'waiting' && !session.wantsScan) {
        return html`${found ?? nothing}${badge('note', 'circle-slash', 'tables not read')}`;
      }
      return html`${found ?? nothing}<span class="badge edge-note">${icon('sync', 'spin')}scan running… ${percent(session.scan)}</span>`;
  }
}

/** Before the whole image is checked; nothing while it is being checked. */
function noneSoFar(session: Session): TemplateResult | typeof nothing {
  return session.wantsCheck || session.check.summary.state === 'loading'
    ? nothing
    : badge('note', 'info', 'no findings so far');
}

/** What the user may want to do about its health. */
function action(image: Image, session: Session): TemplateResult | typeof nothing {
  const { summary } = session.check;
  if (!session.canCheck || session.wantsCheck) {
    return nothing;
  }
  if (summary.state === 'loading') {
    return html`<span class="badge edge-note">${icon('sync', 'spin')}checking… ${percent(summary)}</span>`;
  }
  const whole = wholeCheck(session);
  if (whole === undefined) {
    return html`<vscode-button @click=${() => session.check.start(true)}>Check</vscode-button>`;
  }
  const counts = countsOf(whole);
  return (counts.has('corruption') || counts.has('leak')) && image.noRepair === undefined
    ? html`<vscode-button @click=${() => session.repair()}>Repair…</vscode-button>`
    : nothing;
}

/** Who has the image open; findings and counts may be out of date while somebody writes to it. */
function holders({ news }: Session): TemplateResult[] {
  const written = isWritten(news?.locks);
  const badges = holderWords(news?.locks).map((words) => badge(written ? 'warning' : 'note', 'lock', words));
  return written ? [...badges, badge('warning', 'history', 'may be out of date')] : badges;
}

function badge(tone: string, name: string, words: string): TemplateResult {
  return html`<span class="badge edge-${tone} tone-${tone}">${icon(name)}<bdi>${words}</bdi></span>`;
}
