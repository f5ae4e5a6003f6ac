import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import type { ScanResult } from '../../src/protocol/imageApi.ts';
import type { Locks } from '../../src/protocol/news.ts';
import { differenceWords } from '../changes.ts';
import { countsOf, wholeCheck } from '../checkCounts.ts';
import type { Image } from '../description.ts';
import { countFindings, countWords, type Listed, unlistedCount } from '../findings.ts';
import { readyValue } from '../loaded.ts';
import { type Selection, sameSelection, select } from '../selection.ts';
import type { Session } from '../session.ts';
import { changed } from '../widgets/changed.ts';
import { exactBytes, type Fact, facts } from '../widgets/facts.ts';
import '../widgets/findingList.ts';
import { icon } from '../widgets/icon.ts';
import { guestKinds, guestWords, hostMapWords, hostUses, hostWords } from '../widgets/kinds.ts';
import { holderWords } from '../widgets/notice.ts';
import { failure, progress } from '../widgets/progress.ts';
import { type Part, spaceBar } from '../widgets/spaceBar.ts';
import { message, visible } from '../widgets/visible.ts';
import { bitmapList, snapshotList } from './lists.ts';

/** What the image is at a glance, how it is, what it holds and what it refers to. */
export function overviewPane(
  image: Image,
  session: Session,
  listed: readonly Listed[],
  selection: Selection | undefined,
): TemplateResult {
  return html`
    ${statement(image)}
    ${facts(glance(image, session))}
    <h2>Findings</h2>
    ${findings(session, listed, selection)}
    ${image.geometry === undefined ? nothing : html`<h2>Space</h2>${space(image, session)}`}
    ${references(image, selection)}
    ${image.header === undefined ? nothing : html`${snapshotList(image, selection)}${bitmapList(image, selection)}`}
  `;
}

function statement(image: Image): TemplateResult {
  if (image.qemuRefusal !== undefined) {
    return html`<p class="statement">
      ${visible(image.file.says)}. <span class="tone-corruption">${icon('error')}QEMU refuses: ${message(image.qemuRefusal)}</span>
    </p>`;
  }
  return html`<p class="statement">${visible(image.file.says)}</p>`;
}

function glance(image: Image, { before, news }: Session): Fact[] {
  const { file, geometry, header } = image;
  const old = before?.image;
  const sized = (bytes: bigint): string => showSize(bytes);
  return [
    [
      'virtual size',
      geometry && marked(old?.geometry?.virtualSize, geometry.virtualSize),
      exactBytes(geometry?.virtualSize),
    ],
    ['file size', marked(old?.file.size, file.size), old && old.file.size !== file.size ? '' : exactBytes(file.size)],
    ['on disk', file.allocated === undefined ? undefined : marked(old?.file.allocated, file.allocated)],
    ['version', header && String(header.version), header?.compat && `compat ${header.compat}`],
    ['cluster size', geometry && sized(BigInt(geometry.clusterSize))],
    ['subclusters', geometry?.extendedL2 ? sized(BigInt(geometry.subclusterSize)) : undefined, 'extended L2 entries'],
    ['refcounts', geometry && `${geometry.refcountBits} ${geometry.refcountBits === 1 ? 'bit' : 'bits'}`],
    ['compression', geometry?.compressionType],
    ['in use', useWords(news?.locks), news?.locks.state === 'unknown' ? visible(news.locks.message) : undefined],
  ];
}

/** A number of bytes, with what it was before. */
function marked(before: bigint | undefined, now: bigint): TemplateResult | string {
  const other = before !== undefined && before !== now;
  const same = other && showSize(before) === showSize(now);
  const words = (bytes: bigint): string => (same ? `${showCount(bytes)} bytes` : showSize(bytes));
  return other ? changed(words(before), words(now)) : showSize(now);
}

/** Whether a virtual machine or another process has the image open; undefined until it is known. */
function useWords(locks: Locks | undefined): string | undefined {
  switch (locks?.state) {
    case 'free':
      return 'no, nobody has a lock on it';
    case 'held':
      return holderWords(locks).join('; ');
    case 'unknown':
      return 'not known here';
    case 'waiting':
    case undefined:
      return undefined;
  }
}

function findings(session: Session, listed: readonly Listed[], selection: Selection | undefined): TemplateResult {
  const { scan } = session;
  const found = readyValue(scan);
  const hidden = unlistedCount(found);
  return html`
    <p class="quiet">${findingSummary(session, listed)} ${checkLink(session)}</p>
    ${progress(scan, 'Reading every table…', () => session.cancelScan())}
    ${failure(scan, 'Reading the tables', () => session.startScan())}
    ${
      session.canScan && scan.state === 'waiting' && !session.wantsScan
        ? html`<p class="failure">
          <span>The tables are read on demand.</span>
          <vscode-button secondary @click=${() => session.startScan()}>Read all tables</vscode-button>
        </p>`
        : nothing
    }
    ${listed.length === 0 ? nothing : html`<qcow2-findings .listed=${listed} .selection=${selection}></qcow2-findings>`}
    ${
      hidden > 0 && found !== undefined
        ? html`<p class="quiet">
          The tables have ${showCount(found.findingCount)} findings; these are the first ${showCount(found.findings.length)}.
          A check lists the others.
        </p>`
        : nothing
    }
  `;
}

/** Leads to the worst of what the check has found, which may be more than what is listed here. */
function checkLink(session: Session): TemplateResult | typeof nothing {
  const whole = wholeCheck(session);
  const worst = whole?.groups[0];
  return whole === undefined || worst === undefined
    ? nothing
    : html`<button
        class="link"
        @click=${(event: Event) => select(event, { kind: 'check-finding', code: worst.code, index: 0 }, 'check')}
      >The check has found: ${countWords(countsOf(whole))}</button>`;
}

function findingSummary(session: Session, listed: readonly Listed[]): string {
  const words = countWords(countFindings(listed.map(({ finding }) => finding)));
  if (!session.canScan) {
    return words;
  }
  const hidden = unlistedCount(readyValue(session.scan));
  const more = hidden > 0 ? ` · ${showCount(hidden)} more` : '';
  switch (session.scan.state) {
    case 'ready':
      return words === '' ? 'None, in the header and in every table entry.' : `${words}${more}`;
    case 'failed':
    case 'cancelled':
      return `${words || 'None of opening'}; those of the tables are not known.`;
    case 'waiting':
    case 'loading':
      return `${words || 'None of opening'}; those of the tables are not known yet.`;
  }
}

function space(image: Image, session: Session): TemplateResult {
  const scan = readyValue(session.scan);
  if (scan === undefined) {
    const running = session.scan.state === 'loading' || session.wantsScan;
    return html`<p class="quiet">${running ? 'Not known yet: the tables are being read.' : 'Not known.'}</p>`;
  }
  return html`<div class="spaces">
    ${spaceBar(
      'Guest disk',
      guestKinds.map((kind) => ({
        kind,
        words: guestWords[kind],
        bytes: scan.guest[kind],
        difference: difference(session, (one) => one.guest[kind]),
      })),
    )}
    ${spaceBar('File, in whole clusters', [
      ...hostUses.map((kind) => ({
        kind,
        words: hostWords[kind],
        bytes: scan.host[kind],
        difference: difference(session, (one) => one.host[kind]),
      })),
      ...leaked(image, scan),
    ])}
  </div>`;
}

/** What the scan has for none of the uses: it is said only where there is any. */
function leaked({ file, geometry }: Image, { host }: ScanResult): Part[] {
  const cluster = BigInt(geometry?.clusterSize ?? 1);
  const whole = ((file.size + cluster - 1n) / cluster) * cluster;
  const bytes = whole - hostUses.reduce((sum, kind) => sum + host[kind], 0n);
  return bytes > 0n ? [{ kind: 'leaked', words: hostMapWords.leaked, bytes }] : [];
}

/** How a count differs from what it was when the image was read before. */
function difference(session: Session, count: (scan: ScanResult) => bigint): string | undefined {
  const [old, now] = [session.before?.scan, readyValue(session.scan)];
  const image = readyValue(session.image);
  return old && now && image?.geometry && count(old) !== count(now)
    ? differenceWords(count(old), count(now), image.geometry.clusterSize)
    : undefined;
}

function references(image: Image, selection: Selection | undefined): TemplateResult {
  const { backing, dataFile, encryption } = image;
  const rows: TemplateResult[] = [];
  if (backing !== undefined) {
    rows.push(
      reference(
        'backing file',
        backing.name,
        `format ${backing.format ?? 'not named'}`,
        { kind: 'backing' },
        selection,
      ),
    );
  }
  if (dataFile !== undefined) {
    const note = dataFile.raw ? 'raw: readable without this image' : 'guest data only';
    rows.push(
      reference(
        'external data file',
        dataFile.name ?? 'not named in the image',
        note,
        { kind: 'data-file' },
        selection,
      ),
    );
  }
  if (encryption !== undefined) {
    const active = encryption.slots.filter((slot) => slot.active).length;
    const cipher = encryption.cipher === undefined ? '' : `${encryption.cipher}, `;
    const note = `${cipher}${active} of ${encryption.slots.length} key slots in use`;
    rows.push(
      reference(
        'encryption',
        encryption.method,
        encryption.method === 'LUKS' ? note : '',
        { kind: 'encryption' },
        selection,
      ),
    );
  }
  return rows.length === 0
    ? html``
    : html`<h2>Refers to</h2>
      <ul class="references" aria-label="Refers to">${rows}</ul>`;
}

function reference(
  title: string,
  name: string,
  note: string,
  own: Selection,
  selection: Selection | undefined,
): TemplateResult {
  return html`<li>
    <button
      class="reference"
      aria-current=${sameSelection(own, selection) ? 'true' : nothing}
      @click=${(event: Event) => select(event, own)}
    ><span class="quiet">${title}</span> <bdi class="name">${visible(name)}</bdi> <span class="quiet">${visible(note)}</span></button>
  </li>`;
}
