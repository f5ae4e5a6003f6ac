import type { JsonStream } from '../engine/dump/jsonStream.ts';
import { exact, jsonString } from '../engine/dump/jsonText.ts';
import type { TableEntry } from '../engine/image/tableEntry.ts';
import type { TableHead, TableKind, TableSink } from './dumpTables.ts';

/** Tables as members of the object that is open: a list for each kind, in it the tables, an entry a line. */
export class JsonTables implements TableSink {
  readonly #json: JsonStream;

  constructor(json: JsonStream) {
    this.#json = json;
  }

  beginKind(kind: TableKind): void {
    this.#json.begin('[', kind);
  }

  beginTable({ sameAs, ...head }: TableHead): void {
    this.#json.begin('{');
    for (const [name, value] of Object.entries(head)) {
      this.#json.member(name, value);
    }
    this.#json.member('same-as', sameAs);
    this.#json.begin('[', 'rows');
  }

  entry(entry: TableEntry): void {
    const { index, count, raw, kind, host, guest, copied, length, subclusters, wrong } = entry;
    this.#json.raw(
      `{"index": ${exact(index)}, ` +
        (count === 1 ? '' : `"count": ${exact(count)}, `) +
        (raw === undefined ? '' : `"raw": "${raw}", `) +
        `"kind": "${kind}"` +
        (host === undefined ? '' : `, "host": ${exact(host)}`) +
        (guest === undefined ? '' : `, "guest": ${exact(guest)}`) +
        (copied === undefined ? '' : `, "copied": ${copied}`) +
        (length === undefined ? '' : `, "length": ${length}`) +
        (subclusters === undefined ? '' : `, "allocated": "${subclusters.allocated}", "zero": "${subclusters.zero}"`) +
        (wrong === undefined ? '' : `, "wrong": ${jsonString(wrong)}`) +
        '}',
    );
  }

  refcounts(cluster: number, count: number, refcount: number | bigint): void {
    const run = count === 1 ? '' : `"count": ${count}, `;
    this.#json.raw(`{"index": ${exact(cluster)}, ${run}"refcount": ${exact(refcount)}}`);
  }

  endTable(): void {
    this.#json.end(']');
    this.#json.end('}');
  }

  endKind(): void {
    this.#json.end(']');
  }
}
