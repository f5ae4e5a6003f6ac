import type { TableEntry } from '../engine/image/tableEntry.ts';
import type { TableHead, TableKind, TableSink } from './dumpTables.ts';
import { hexOffset } from './textLayout.ts';
import type { TextStream } from './textStream.ts';

/** The words for a kind of tables. */
const kindNames: Readonly<Record<TableKind, string>> = {
  'l1-tables': 'L1 table',
  'l2-tables': 'L2 table',
  'refcount-table': 'refcount table',
  'refcount-blocks': 'refcount block',
  'bitmap-tables': 'bitmap table',
};

const indexWidth = 13;
/** Of an extended L2 entry the bitmap's half is in a column of its own. */
const rawWidth = 16;
const kindWidth = 14;
const offsetWidth = 12;

/** Tables as text: a title and a line an entry, in columns of fixed width, since the widest is not known before. */
export class TextTables implements TableSink {
  readonly #to: TextStream;
  #kind: TableKind = 'l1-tables';
  #hasGuest = false;
  #hasColumns = false;

  constructor(to: TextStream) {
    this.#to = to;
  }

  beginKind(kind: TableKind): void {
    this.#kind = kind;
    this.#hasGuest = kind === 'l1-tables' || kind === 'l2-tables';
  }

  beginTable({ chain, offset, entries, first, guest, references, sameAs }: TableHead): void {
    const parts = [
      `${chain}: ${kindNames[this.#kind]} at ${hexOffset(offset)}`,
      `${entries} ${entries === 1 ? 'entry' : 'entries'}${first === undefined ? '' : ` from ${first} on`}`,
      ...(guest === undefined ? [] : [`guest offset ${hexOffset(guest)}`]),
      ...(references === undefined ? [] : [`${references} references`]),
      ...(sameAs === undefined ? [] : [`the same block as refcount_table[${sameAs}]`]),
    ];
    this.#to.line();
    this.#to.line(parts.join(', '));
    this.#hasColumns = false;
  }

  entry(entry: TableEntry): void {
    const { index, count, raw = '', kind, host, guest, copied, length, subclusters, wrong } = entry;
    if (!this.#hasColumns) {
      this.#columns();
    }
    this.#to.line(
      `${span(index, count)}  ${raw.slice(0, rawWidth).padEnd(rawWidth)}  ${kind.padEnd(kindWidth)}  ` +
        `${(host === undefined ? '' : hexOffset(host)).padEnd(offsetWidth)}  ` +
        (this.#hasGuest ? `${(guest === undefined ? '' : hexOffset(guest)).padEnd(offsetWidth)}  ` : '') +
        (copied === true ? 'copied ' : '') +
        (length === undefined ? '' : `${length} bytes `) +
        (subclusters === undefined || isTold(kind, subclusters)
          ? ''
          : `alloc ${subclusters.allocated} zero ${subclusters.zero} `) +
        (wrong === undefined ? '' : `WRONG: ${wrong}`),
    );
  }

  refcounts(cluster: number, count: number, refcount: number | bigint): void {
    this.#to.line(`${span(cluster, count)}  refcount ${refcount}`);
  }

  endTable(): void {}

  endKind(): void {}

  #columns(): void {
    this.#hasColumns = true;
    const index = this.#kind === 'refcount-blocks' ? 'cluster' : 'entry';
    const guest = this.#hasGuest ? 'guest' : '';
    this.#to.line(
      `${index.padStart(indexWidth)}  ${'raw'.padEnd(rawWidth)}  ${'kind'.padEnd(kindWidth)}  ` +
        `${'host'.padEnd(offsetWidth)}  ${guest}`,
    );
  }
}

/** Whether the kind says what the subclusters' bitmaps are. */
function isTold(kind: string, { allocated, zero }: NonNullable<TableEntry['subclusters']>): boolean {
  return kind === 'compressed' ? Number(`0x${allocated}${zero}`) === 0 : kind !== 'mixed' && kind !== 'invalid';
}

/** `8192`, or `8…8191`. */
function span(index: number, count: number): string {
  return (count === 1 ? String(index) : `${index}…${index + count - 1}`).padStart(indexWidth);
}
