import { html, nothing, type TemplateResult } from 'lit';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { type NameOddity, nameOddities, protocolOf } from '../../src/engine/format/fileName.ts';
import { showSize } from '../../src/engine/format/show.ts';
import type {
  ChainDataFile,
  ChainFile,
  ChainFileState,
  ChainPicture,
  ChainPlace,
} from '../../src/protocol/chainApi.ts';
import { type Selection, sameSelection, select } from '../selection.ts';
import { exactBytes, type Fact, facts } from '../widgets/facts.ts';
import { icon } from '../widgets/icon.ts';
import { message, visible } from '../widgets/visible.ts';

/** What a file of the picture can be asked to do. */
export interface ChainActions {
  /** Open a file in a tab of its own; absent where that is not allowed. */
  readonly open?: (file: ChainPlace) => void;
  /** Open the chain with formats guessed. */
  readonly guess: () => void;
}

/** What became of a file, in words. */
export const stateWords: Readonly<Record<ChainFileState, { words: string; icon: string; tone: string }>> = {
  open: { words: 'open', icon: 'pass', tone: 'kept' },
  'not-opened': { words: 'not opened', icon: 'circle-outline', tone: 'note' },
  'refused-name': { words: 'never followed', icon: 'circle-slash', tone: 'warning' },
  missing: { words: 'missing', icon: 'error', tone: 'corruption' },
  failed: { words: 'can’t be opened', icon: 'error', tone: 'corruption' },
  loop: { words: 'loop', icon: 'sync-ignored', tone: 'corruption' },
  'too-deep': { words: 'too deep', icon: 'error', tone: 'corruption' },
  'no-format': { words: 'format not named', icon: 'question', tone: 'warning' },
  'unknown-format': { words: 'format not read', icon: 'circle-slash', tone: 'warning' },
};

const oddityWords: Readonly<Record<NameOddity, string>> = {
  empty: 'The name is empty.',
  json: 'A json: name holds options for QEMU, which may name anything. It is never followed here.',
  protocol: 'A protocol, not a path. It is never followed here.',
  network: 'On Windows, a share of another machine.',
  device: 'A device, or a file of the kernel’s. Only regular files are opened.',
  absolute: 'An absolute path: it means this place on whichever machine the image is used.',
  parent: 'The path leaves a folder by “..”.',
  control: 'It has characters that are not seen; they are written out here.',
  'not-text': 'It has bytes that are no text.',
};

/** Oddities that are common and harmless. */
const mild: ReadonlySet<NameOddity> = new Set(['absolute', 'parent']);

/** The files as a list, from the image down. */
export function chainList(
  { files }: ChainPicture,
  selection: Selection | undefined,
  actions: ChainActions,
): TemplateResult {
  return html`<ol class="chain-files" aria-label="Files, from the image down">
    ${files.map(
      (file, index) => html`<li class="chain-level">
        ${index === 0 ? nothing : html`<p class="chain-link quiet">${icon('arrow-down')}what is unallocated above is read from</p>`}
        <div class="chain-row">
          ${chainFile(file, files[index - 1], selection, actions)}
          ${file.dataFile === undefined ? nothing : dataFileOf(file, file.dataFile, selection)}
        </div>
      </li>`,
    )}
  </ol>`;
}

function chainFile(
  file: ChainFile,
  above: ChainFile | undefined,
  selection: Selection | undefined,
  actions: ChainActions,
): TemplateResult {
  const { depth, name, path, state, format } = file;
  const own: Selection | undefined = depth === 1 ? { kind: 'backing' } : undefined;
  const role = depth === 0 ? 'this image' : depth === 1 ? 'backing file' : `backing file, depth ${depth}`;
  const { open } = actions;
  const canOpen = depth > 0 && format === 'qcow2' && path !== undefined && (state === 'open' || state === 'not-opened');
  return card(role, file, own, selection, [
    facts(factsOf(file)),
    depth === 0 ? nothing : oddities(name),
    why(file),
    shorter(file, above),
    file.qemuRefusal === undefined
      ? nothing
      : note('error', 'corruption', `QEMU refuses to open it: ${message(file.qemuRefusal)}`),
    file.says === undefined ? nothing : note('warning', 'warning', visible(file.says)),
    file.formatSource === 'probed' && state === 'open'
      ? note(
          'warning',
          'warning',
          'No image says its format: it was guessed from the first bytes of the file, which the guest of a raw disk can forge.',
        )
      : nothing,
    state === 'no-format'
      ? html`<p class="links"><vscode-button secondary @click=${actions.guess}>Open, guessing formats</vscode-button></p>`
      : nothing,
    canOpen && open
      ? html`<p class="links"><button class="link" @click=${() => open({ depth, role: 'backing' })}>Open in its own tab</button></p>`
      : nothing,
  ]);
}

function dataFileOf(image: ChainFile, file: ChainDataFile, selection: Selection | undefined): TemplateResult {
  const own: Selection | undefined = image.depth === 0 ? { kind: 'data-file' } : undefined;
  const relative = file.name !== undefined && file.path !== file.name;
  return html`<p class="chain-link chain-aside quiet">${icon('arrow-right')}<span>guest data in</span></p>
    ${card('external data file', file, own, selection, [
      facts([
        ['path', pathOf(file)],
        ...sizes(file),
        ['raw', file.raw ? 'yes' : 'no', file.raw ? 'the file alone is the disk' : 'zeros are known only to the image'],
      ]),
      oddities(file.name),
      why(file),
      relative && file.state !== 'refused-name'
        ? html`<p class="quiet">Looked for beside the image; QEMU looks from the folder in which it is run.</p>`
        : nothing,
      html`<p class="quiet">It has the guest’s bytes and no tables: there is nothing of qcow2 in it to show.</p>`,
    ])}`;
}

function card(
  role: string,
  { name, state }: ChainFile | ChainDataFile,
  own: Selection | undefined,
  selection: Selection | undefined,
  content: readonly (TemplateResult | typeof nothing)[],
): TemplateResult {
  const { words, icon: sign, tone } = stateWords[state];
  const shown = html`<bdi class="name">${name === undefined ? 'not named in the image' : visible(name)}</bdi>`;
  return html`<section class="chain-file edge-${tone}" aria-label=${role}>
    <p class="chain-head">
      <span class="quiet">${role}</span>
      <span class="tone-${tone}">${icon(sign)}${words}</span>
    </p>
    ${
      own === undefined
        ? html`<p class="chain-name">${shown}</p>`
        : html`<button
          class="reference chain-name"
          aria-current=${sameSelection(own, selection) ? 'true' : nothing}
          @click=${(event: Event) => select(event, own)}
        >${shown}</button>`
    }
    ${content}
  </section>`;
}

function factsOf(file: ChainFile): Fact[] {
  const { depth, format, formatSource, virtualSize, state } = file;
  const source = { given: undefined, named: state === 'open' ? 'as named' : 'named', probed: 'guessed' };
  return [
    ['path', depth === 0 ? undefined : pathOf(file)],
    ['format', format === undefined ? 'not named' : visible(format), formatSource && source[formatSource]],
    ['disk', virtualSize === undefined ? undefined : showSize(virtualSize), exactBytes(virtualSize)],
    ...sizes(file),
  ];
}

function sizes({ fileSize, allocated }: ChainFile | ChainDataFile): Fact[] {
  return [
    ['file', fileSize === undefined ? undefined : showSize(fileSize), exactBytes(fileSize)],
    ['on disk', allocated === undefined ? undefined : showSize(allocated)],
  ];
}

function pathOf({ path }: ChainFile | ChainDataFile): TemplateResult | undefined {
  return path === undefined ? undefined : html`<bdi>${visible(path)}</bdi>`;
}

/** What is odd about a name, before and after it is opened. */
function oddities(name: string | undefined): TemplateResult | typeof nothing {
  const found = name === undefined ? [] : nameOddities(name);
  const protocol = name === undefined ? undefined : protocolOf(name);
  return found.length === 0
    ? nothing
    : html`<ul class="plain" aria-label="About the name">
      ${found.map((oddity) => {
        const words =
          oddity === 'protocol' ? `“${visible(protocol ?? '')}:” ${oddityWords.protocol}` : oddityWords[oddity];
        return html`<li>${note(mild.has(oddity) ? 'info' : 'warning', mild.has(oddity) ? 'note' : 'warning', words)}</li>`;
      })}
    </ul>`;
}

/** Why a file is not open. */
function why(file: ChainFile | ChainDataFile): TemplateResult | typeof nothing {
  const { state, message: said } = file;
  switch (state) {
    case 'open':
    case 'not-opened':
      return nothing;
    case 'loop':
      return note('error', 'corruption', 'The file is in the chain already: QEMU refuses such a chain.');
    case 'too-deep':
      return note('error', 'corruption', 'The chain has more than 64 files; no more are opened.');
    case 'no-format':
      return note(
        'question',
        'warning',
        'The image above does not say its format. QEMU would guess it from the first bytes of the file, which the guest of a raw disk can forge.',
      );
    case 'unknown-format':
      return note('circle-slash', 'warning', 'Only qcow2 and raw files are read here.');
    case 'refused-name':
    case 'missing':
    case 'failed':
      return said === undefined
        ? nothing
        : note('error', state === 'refused-name' ? 'warning' : 'corruption', visible(said));
  }
}

/** A backing file may be shorter than the disk above, or longer. */
function shorter(file: ChainFile, above: ChainFile | undefined): TemplateResult | typeof nothing {
  const [own, needed] = [file.virtualSize, above?.virtualSize];
  if (own === undefined || needed === undefined || own === needed) {
    return nothing;
  }
  return own < needed
    ? note(
        'info',
        'note',
        `Ends ${showSize(needed - own)} before the disk above: what is unallocated there reads as zeros.`,
      )
    : note('info', 'note', `Is ${showSize(own - needed)} longer than the disk above, which does not reach that.`);
}

function note(sign: string, tone: string, words: string): TemplateResult {
  return html`<p class="chain-note tone-${tone}">${icon(sign)}<span>${words}</span></p>`;
}
