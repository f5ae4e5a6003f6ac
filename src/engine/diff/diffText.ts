import { visible } from '../dump/jsonText.ts';
import type { Difference, DifferenceSection, Side } from './difference.ts';

/** Differences for a person: under a title for each section, a line for each of them. */
export class DiffText {
  readonly #line: (text: string) => void;
  #section: DifferenceSection | undefined;

  /**
   * @param line - takes the lines
   * @param a - what the first image is called, `b` the second one
   */
  constructor(line: (text: string) => void, a: string, b: string) {
    this.#line = line;
    line(`A: ${visible(a)}`);
    line(`B: ${visible(b)}`);
  }

  /** Takes a difference. */
  add({ section, place, guest, host, a, b }: Difference): void {
    if (section !== this.#section) {
      this.#section = section;
      this.#line('');
      this.#line(titles[section]);
    }
    const range = guest ?? host;
    const where = range ? ` 0x${range.start.toString(16)}…0x${(range.start + range.length - 1n).toString(16)}` : '';
    const text = (side: Side | undefined): string => (side ? visible(side.text) : '(none)');
    this.#line(`  ${visible(place)}${where}: ${text(a)} | ${text(b)}`);
  }

  /** Says how many there were. */
  end(differences: number, tablesCompared: boolean): void {
    this.#line('');
    if (!tablesCompared) {
      this.#line('L1 and L2 tables are not compared: their entries do not mean the same in both.');
    }
    this.#line(
      differences === 0
        ? 'The metadata is the same.'
        : `${differences} ${differences === 1 ? 'difference' : 'differences'}, A | B`,
    );
  }
}

const titles: Readonly<Record<DifferenceSection, string>> = {
  file: 'File',
  header: 'Header',
  features: 'Features',
  extensions: 'Header extensions',
  luks: 'LUKS header',
  snapshots: 'Snapshots',
  l1: 'L1 tables',
  l2: 'L2 tables',
  bitmaps: 'Bitmaps',
  'refcount-table': 'Refcount table',
  refcounts: 'Refcounts',
  'refcount-counts': 'Clusters by refcount',
  findings: 'Findings',
};
