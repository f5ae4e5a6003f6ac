import { html, nothing, type TemplateResult } from 'lit';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import type { ChainBlock, ChainPicture } from '../../src/protocol/chainApi.ts';
import { settled } from '../loaded.ts';
import { icon } from '../widgets/icon.ts';
import { failure, progress } from '../widgets/progress.ts';
import { chainList } from './chainFiles.ts';
import { PaneElement } from './pane.ts';

const blockWords: Readonly<Record<ChainBlock, string>> = {
  untrusted:
    'Restricted Mode: no file that an image names is opened. Trust the folder (command “Workspaces: Manage Workspace Trust”) to open them.',
  virtual:
    'The image is in a virtual file system, where the names in it are no paths. Copy it and the files that it names to a disk to open them.',
};

/** The image, its external data file and its backing chain: as named, and by the user's word as they are. */
export class ChainPane extends PaneElement {
  override connectedCallback(): void {
    super.connectedCallback();
    const { chain } = this.content.session;
    if (chain.picture.state !== 'ready') {
      chain.ask();
    }
  }

  override render(): TemplateResult {
    const { chain } = this.content.session;
    const { picture, change } = chain;
    return html`
      ${picture.state === 'ready' ? this.#content(picture.value) : nothing}
      ${progress(picture, 'Asking what the image names')}
      ${failure(picture, 'Asking what the image names', () => chain.ask())}
      ${progress(change, 'Opening the files')}
    `;
  }

  override updated(): void {
    if (settled(this.content.session.chain.picture)) {
      this.settled();
    }
  }

  #content(picture: ChainPicture): TemplateResult {
    const { image, session, selection } = this.content;
    if (image.header === undefined) {
      return html`<p class="statement">There is no header that could name other files.</p>`;
    }
    const [top] = picture.files;
    if (picture.files.length < 2 && top?.dataFile === undefined) {
      return html`<p class="statement">The image stands alone: it names no backing file and no data file.</p>`;
    }
    return html`
      <p class="statement">${summary(picture)}</p>
      ${this.#consent(picture)}
      ${chainList(picture, selection, {
        ...(picture.blocked === undefined ? { open: (file) => session.openFile(file) } : {}),
        guess: () => session.chain.open(true),
      })}
    `;
  }

  /** The one place where the user allows files to be opened. */
  #consent(picture: ChainPicture): TemplateResult {
    const { chain } = this.content.session;
    const running = chain.change.state === 'loading';
    if (picture.open) {
      return html`<div class="chain-consent">
        <vscode-button secondary ?disabled=${running} @click=${() => chain.close()}>Close ${what(picture)}</vscode-button>
        <p class="quiet">Opened read-only until the image is closed. The map and the guest’s bytes go through it.</p>
      </div>`;
    }
    const why = reasonAgainst(picture);
    return html`<div class="chain-consent">
        <vscode-button
          ?disabled=${running || why !== undefined}
          aria-describedby="chain-why"
          @click=${() => chain.open(false)}
        >Open ${what(picture)}…</vscode-button>
        <p class="quiet" id="chain-why">${why === undefined ? openWords(picture) : html`${icon('lock')}${why}`}</p>
      </div>
      ${failure(chain.change, `Opening ${what(picture)}`, () => chain.open(false))}`;
  }
}

/** What a click opens. */
function openWords({ files }: ChainPicture): string {
  const these = files.length > 1 ? 'these files and those that they name in turn' : 'that file';
  const most = files.length > 1 ? ', at most 64' : '';
  return `Nothing that the image names was opened. This opens ${these}: read-only, regular files by plain path${most}.`;
}

/** Why there is nothing to be opened, or not now. */
function reasonAgainst({ blocked, files }: ChainPicture): string | undefined {
  if (blocked !== undefined) {
    return blockWords[blocked];
  }
  const named = [...files.slice(1), ...files.flatMap(({ dataFile }) => dataFile ?? [])];
  return named.some(({ path }) => path !== undefined)
    ? undefined
    : 'What the image names is no plain path, and is never followed.';
}

function what({ files }: ChainPicture): string {
  return files.length > 1 ? 'backing chain' : 'data file';
}

function summary({ open, files }: ChainPicture): string {
  const below = files.length - 1;
  const last = files.at(-1);
  if (!open) {
    const names = [
      ...(below > 0 ? ['a backing file'] : []),
      ...(files[0]?.dataFile === undefined ? [] : ['an external data file']),
    ];
    return `The image names ${names.join(' and ')}.`;
  }
  if (below === 0) {
    return 'The guest’s data is in an external data file.';
  }
  const found = last?.state === 'open' ? below : below - 1;
  if (found === 0) {
    return 'The backing file that the image names is not open.';
  }
  const count = `${found} ${found === 1 ? 'backing file' : 'backing files'} below the image`;
  return last?.state === 'open' ? `${count}: the chain is complete.` : `${count}, and one that is not open.`;
}

customElements.define('qcow2-chain', ChainPane);
