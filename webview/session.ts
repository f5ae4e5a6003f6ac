import type { Client } from '../src/protocol/client.ts';
import type { ScanResult } from '../src/protocol/imageApi.ts';
import type { Image } from './description.ts';
import { type Listed, listFindings } from './findings.ts';
import { type Loaded, load, readyValue, settled } from './loaded.ts';

/** What this view knows of its image: the description, then the scan. Fires `change` whenever either changes. */
export class Session extends EventTarget {
  readonly client: Client;
  image: Loaded<Image> = { state: 'waiting' };
  scan: Loaded<ScanResult> = { state: 'waiting' };
  /** The findings of opening and, once it has ended, of the scan. */
  listed: readonly Listed[] = [];
  #cancelScan: () => void = () => undefined;

  constructor(client: Client) {
    super();
    this.client = client;
  }

  /** Opens the image, again after a failure. */
  open(): void {
    this.#cancelScan();
    this.scan = { state: 'waiting' };
    load(
      (signal, onProgress) => this.client.call('describe', undefined, { signal, onProgress }),
      (image) => {
        this.image = image;
        this.#changed(image);
      },
    );
  }

  /** Starts the walk over all tables, which `canScan` has to allow. */
  startScan(): void {
    if (this.scan.state === 'loading') {
      return;
    }
    this.#cancelScan = load(
      (signal, onProgress) => this.client.call('scan', undefined, { signal, onProgress }),
      (scan) => {
        this.scan = scan;
        this.#changed(scan);
      },
    );
  }

  /** Stops the walk. */
  cancelScan(): void {
    this.#cancelScan();
  }

  /** True when the image has tables to walk. */
  get canScan(): boolean {
    return this.image.state === 'ready' && this.image.value.geometry !== undefined;
  }

  /** True when neither the description nor the scan will change by itself. */
  get settled(): boolean {
    return settled(this.image) && (!this.canScan || settled(this.scan));
  }

  /** There may be very many findings: they are listed anew only when there are others. */
  #changed(loaded: Loaded<unknown>): void {
    if (loaded.state === 'ready' && this.image.state === 'ready') {
      this.listed = listFindings(this.image.value, readyValue(this.scan));
    }
    this.dispatchEvent(new Event('change'));
  }
}
