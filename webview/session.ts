import type { ChainPlace } from '../src/protocol/chainApi.ts';
import type { RepairSelection } from '../src/protocol/changeApi.ts';
import type { CheckSummary } from '../src/protocol/checkApi.ts';
import type { Client, Connection } from '../src/protocol/client.ts';
import { encode } from '../src/protocol/codec.ts';
import type { ScanResult, WithTexts } from '../src/protocol/imageApi.ts';
import type { TableChanges } from '../src/protocol/liveApi.ts';
import type { RangeRequest } from '../src/protocol/mapApi.ts';
import type { FromWebview } from '../src/protocol/messages.ts';
import type { FileNews } from '../src/protocol/news.ts';
import type { CheckOnOpen } from '../src/protocol/settings.ts';
import { ChainState } from './chainState.ts';
import { CheckState } from './checkState.ts';
import type { Finding, Image } from './description.ts';
import { type Listed, learnTexts, listFindings } from './findings.ts';
import { type Loaded, load, readyValue, settled } from './loaded.ts';
import { type Selection, sameSelection } from './selection.ts';

/** What was read of an image at one opening. */
export interface Reading {
  readonly image: Image;
  readonly scan: ScanResult | undefined;
  /** `FileNews.opened` of that opening. */
  readonly opened: number;
  /** When that was, as `FileNews.openedAt`. */
  readonly openedAt: number;
}

/**
 * What this view knows of its image: the description, then the scan, and what becomes of the file. Fires `change`
 * whenever one of them changes. All that is shown at a time is about one opening of the image: `client` asks about that
 * one only.
 */
export class Session extends EventTarget {
  image: Loaded<Image> = { state: 'waiting' };
  scan: Loaded<ScanResult> = { state: 'waiting' };
  /** The findings of opening and, once it has ended, of the scan. */
  listed: readonly Listed[] = [];
  /** What is known of the file besides its content. */
  news: FileNews | undefined;
  /** What was shown before the image was read again, until the user has seen what has changed. */
  before: Reading | undefined;
  /** How many L2 tables differ from `before`. */
  tables: TableChanges | undefined;
  /** The files that the image is based on. */
  readonly chain: ChainState;
  /** The check of the image. */
  readonly check: CheckState;
  /** Those who have the image open, as the user has read it already. */
  dismissedHolders: string | undefined;
  /** Grows each time that the image is read again, or its chain is opened or closed: what was asked no longer holds. */
  epoch = 0;
  /** Whether all tables are read without being asked. */
  scanOnOpen = true;
  /** How much is checked without being asked. */
  checkOnOpen: CheckOnOpen = 'quick';
  readonly #connect: () => Connection;
  readonly #tell: (message: FromWebview) => void;
  #connection: Connection;
  /** The news of the opening that is shown. */
  #shown: FileNews | undefined;
  #scanAsked = false;
  #again: Loaded<Image> = { state: 'waiting' };
  /** The check that the host was told of. */
  #told: CheckSummary | undefined;
  #cancelScan: () => void = () => undefined;
  #cancelReading: () => void = () => undefined;

  /**
   * @param connect - a new line to the worker; what comes in is for the last one
   * @param tell - tells the host something
   */
  constructor(connect: () => Connection, tell: (message: FromWebview) => void) {
    super();
    this.#connect = connect;
    this.#tell = tell;
    this.#connection = connect();
    this.chain = new ChainState(
      () => this.client,
      (other) => {
        this.epoch += other ? 1 : 0;
        this.dispatchEvent(new Event('change'));
      },
    );
    this.check = new CheckState(
      () => this.client,
      () => {
        this.#tellChecked();
        this.dispatchEvent(new Event('change'));
      },
    );
  }

  /** The finding that is selected; undefined until it is there. */
  findingOf(selection: Selection | undefined): Finding | undefined {
    switch (selection?.kind) {
      case 'finding':
      case 'scan-finding':
        return this.listed.find((one) => sameSelection(one.selection, selection))?.finding;
      case 'check-finding':
        return this.check.find(selection);
      default:
        return undefined;
    }
  }

  /** Asks about the image that is shown. Another one after it was read again. */
  get client(): Client {
    return this.#connection;
  }

  /** Opens the image, again after a failure. */
  open(): void {
    this.#cancelReading();
    this.#cancelScan();
    this.scan = { state: 'waiting' };
    this.check.forget();
    this.#cancelReading = load(
      (signal, onProgress) => this.client.call('describe', undefined, { signal, onProgress }),
      (image) => {
        this.image = image;
        this.#changed(image);
        if (image.state === 'ready') {
          this.chain.follow(image.value);
        }
      },
    );
  }

  /** Starts the walk over all tables, which `canScan` has to allow. */
  startScan(): void {
    if (this.scan.state === 'loading') {
      return;
    }
    this.#scanAsked = true;
    this.#cancelScan = load(
      (signal, onProgress) => this.client.call('scan', undefined, { signal, onProgress }),
      (scan) => {
        this.scan = scan;
        this.#changed(scan);
        if (scan.state === 'ready') {
          this.#compareTables();
        }
      },
    );
  }

  /** Stops the walk. */
  cancelScan(): void {
    this.#cancelScan();
  }

  /** Takes what the worker tells of the file; reads the image again when it was opened anew. */
  hear(news: FileNews): void {
    const before = this.news?.opened;
    this.news = news;
    if (before === undefined) {
      this.#shown = news;
    } else if (news.opened > 0 && before !== news.opened) {
      this.#readAgain(news);
    }
    this.dispatchEvent(new Event('change'));
  }

  /** Has the host open the image anew. */
  reload(): void {
    this.#tell({ type: 'reload' });
  }

  /** Reads the image again, and then checks the whole of it. */
  checkAgain(): void {
    this.check.whole = true;
    this.reload();
  }

  /** Has the host show what rolling back the interrupted change would do. */
  rollBack(): void {
    this.#tell({ type: 'roll-back' });
  }

  /** Has the host show what a repair would do; without a selection, it asks the user what to repair. */
  repair(selection?: RepairSelection): void {
    this.#tell({ type: 'repair', ...(selection && { body: encode(selection) }) });
  }

  /** Has the host open a file of the chain in a tab of its own. */
  openFile(file: ChainPlace): void {
    this.#tell({ type: 'open-file', file });
  }

  /** Has the host save bytes to a file that the user is asked for. */
  saveBytes(range: RangeRequest): void {
    this.#tell({ type: 'save-bytes', body: encode(range) });
  }

  /** Stops reading changes by itself, or goes on. */
  pause(paused: boolean): void {
    this.#tell({ type: 'pause', paused });
  }

  /** Takes what is shown now for what the user knows: no change is marked any more. */
  dismissChanges(): void {
    this.before = undefined;
    this.tables = undefined;
    this.dispatchEvent(new Event('change'));
  }

  /** The user knows who has the image open; the strip still says it. */
  dismissHolders(words: string): void {
    this.dismissedHolders = words;
    this.dispatchEvent(new Event('change'));
  }

  /** True when the image has tables to walk. */
  get canScan(): boolean {
    return this.image.state === 'ready' && this.image.value.geometry !== undefined;
  }

  /** True when the walk is to start by itself. */
  get wantsScan(): boolean {
    return this.canScan && this.scan.state === 'waiting' && (this.scanOnOpen || this.#scanAsked);
  }

  /** True while all tables are being read, or will be without being asked. */
  get scanComes(): boolean {
    return this.wantsScan || this.scan.state === 'loading';
  }

  /** True when there is an image to be checked, as far as that goes. */
  get canCheck(): boolean {
    return this.image.state === 'ready' && this.image.value.header !== undefined;
  }

  /** True when the check is to start by itself, which it does after the walk. */
  get wantsCheck(): boolean {
    const wanted = this.checkOnOpen !== 'off' || this.check.whole;
    return this.canCheck && wanted && this.check.summary.state === 'waiting';
  }

  /** Starts the check that the settings want, or the user wanted of the image as it was before. */
  startCheck(): void {
    this.check.start(this.check.whole || this.checkOnOpen === 'full');
  }

  /** True when neither the description nor the scan nor the check will change by itself. */
  get settled(): boolean {
    const scanned = !this.canScan || settled(this.scan) || (this.scan.state === 'waiting' && !this.wantsScan);
    const checked = settled(this.check.summary) || (this.check.summary.state === 'waiting' && !this.wantsCheck);
    return settled(this.image) && this.#again.state !== 'loading' && scanned && checked;
  }

  /** The host has the findings shown among the problems. */
  #tellChecked(): void {
    const summary = readyValue(this.check.summary);
    if (summary !== undefined && summary !== this.#told) {
      this.#tell({ type: 'checked', whole: summary.complete });
    }
    this.#told = summary;
  }

  /** What was read stays until the image as it is now has answered; then one takes the place of the other as a whole. */
  #readAgain(news: FileNews): void {
    if (this.image.state === 'failed') {
      this.#shown = news;
      this.#replaceConnection(this.#connect());
      this.open();
      return;
    }
    this.#cancelReading();
    const next = this.#connect();
    this.#cancelReading = load(
      (signal, onProgress) => next.call('describe', undefined, { signal, onProgress }),
      (image) => {
        this.#again = image;
        if (image.state === 'ready' || image.state === 'failed') {
          this.#replace(news, next, image);
        }
        this.#changed(image);
      },
    );
  }

  #replace(news: FileNews, next: Connection, image: Loaded<Image>): void {
    if (this.before === undefined && this.image.state === 'ready' && this.#shown !== undefined) {
      const { opened, openedAt } = this.#shown;
      this.before = { image: this.image.value, scan: readyValue(this.scan), opened, openedAt };
    }
    this.#shown = news;
    this.#cancelScan();
    this.#cancelScan = () => undefined;
    this.#replaceConnection(next);
    this.check.forget();
    this.tables = undefined;
    this.image = image;
    this.scan = { state: 'waiting' };
    this.epoch++;
    if (image.state === 'ready') {
      this.chain.follow(image.value);
    }
  }

  #replaceConnection(next: Connection): void {
    this.#connection.close();
    this.#connection = next;
  }

  #compareTables(): void {
    const { before, client } = this;
    if (before === undefined) {
      return;
    }
    load(
      (signal, onProgress) => client.call('tableChanges', { since: before.opened }, { signal, onProgress }),
      (tables) => {
        // Not known is nothing that the user could do anything about: the other changes are told all the same.
        if (tables.state === 'ready' && client === this.client && this.before === before) {
          this.tables = tables.value ?? undefined;
          this.dispatchEvent(new Event('change'));
        }
      },
    );
  }

  /** There may be very many findings: they are listed anew only when there are others. */
  #changed(loaded: Loaded<WithTexts>): void {
    if (loaded.state === 'ready') {
      learnTexts(loaded.value.texts);
    }
    if (loaded.state === 'ready' && this.image.state === 'ready') {
      this.listed = listFindings(this.image.value, readyValue(this.scan));
    }
    this.dispatchEvent(new Event('change'));
  }
}
