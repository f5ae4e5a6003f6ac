import type { Client } from '../../src/protocol/client.ts';
import type { StructurePart, StructureSpan } from '../../src/protocol/hexApi.ts';
import type { MapSpace } from '../../src/protocol/mapApi.ts';
import type { Finding, Image } from '../description.ts';
import type { Selection } from '../selection.ts';

/** Bytes of a space. */
export interface ByteMark {
  readonly start: bigint;
  readonly length: bigint;
}

/** Bytes and the space that they are in. */
export type MarkedPlace = ByteMark & { readonly space: MapSpace };

const host: MapSpace = { space: 'host' };

/** The entry of a table in which a byte lies: index and bytes. Several, where they are smaller than a byte: the first. */
function entryAt({ start, entryBits = 8 }: StructureSpan, at: bigint): { index: number } & ByteMark {
  const bits = BigInt(entryBits);
  const index = ((at - start) * 8n) / bits;
  return { index: Number(index), start: start + (index * bits) / 8n, length: bits < 8n ? 1n : bits / 8n };
}

/** The index of the entry of a table in which a byte lies; nothing for other structures. */
export function entryOf(span: StructureSpan, at: bigint): { readonly entry?: number } {
  return span.entryBits === undefined ? {} : { entry: entryAt(span, at).index };
}

/** The name of what a byte belongs to: `header.l1_size`, `L1[3]`, `refcount block 0 entry 17`. */
export function nameAt(span: StructureSpan, at: bigint): string {
  const { entryBits, name, part } = span;
  if (entryBits === undefined) {
    return name;
  }
  const { index } = entryAt(span, at);
  if (part?.part !== 'refcount-entry') {
    return `${name}[${index}]`;
  }
  return entryBits < 8 ? `${name} entries ${index}–${index + 8 / entryBits - 1}` : `${name} entry ${index}`;
}

/** What a byte selects, and the bytes of that; undefined where the part has no selection of its own. */
export function selectionOf(span: StructureSpan, at: bigint): { selection: Selection; mark: ByteMark } | undefined {
  const entry = entryAt(span, at);
  const selection = span.part && partSelection(span.part, entry.index);
  return selection && { selection, mark: span.entryBits === undefined ? span : entry };
}

function partSelection(part: StructurePart, index: number): Selection {
  const layer = 'snapshot' in part && part.snapshot !== undefined ? { snapshot: part.snapshot } : {};
  switch (part.part) {
    case 'field':
      return { kind: 'field', name: part.name };
    case 'l1-entry':
      return { kind: 'l1-entry', index, ...layer };
    case 'l2-entry':
      return { kind: 'l2-entry', l1: part.l1, index, ...layer };
    case 'refcount-table-entry':
      return { kind: 'refcount-table-entry', index };
    case 'refcount-entry':
      return { kind: 'refcount-entry', block: part.block, index };
    case 'extension':
    case 'snapshot':
    case 'bitmap':
    case 'key-slot':
      return { kind: part.part, index: part.index };
    case 'unknown-fields':
    case 'backing':
    case 'encryption':
      return { kind: part.part };
  }
}

/** Bytes of the fixed part of entries (spec): enough to be found. */
const fixedBytes = { snapshot: 40n, bitmap: 24n, slot: 48n, slots: 208n } as const;

/** The bytes of what is selected, where it has some. Asks the worker where only a table tells. */
export async function placeOf(
  { image, found, client }: { readonly image: Image; readonly found: Finding | undefined; readonly client: Client },
  selection: Selection,
): Promise<MarkedPlace | undefined> {
  const known = knownPlace(image, found, selection);
  if (known !== undefined) {
    return known;
  }
  switch (selection.kind) {
    case 'l1-entry': {
      const { index, snapshot } = selection;
      const request = { table: 'l1', index, ...(snapshot === undefined ? {} : { snapshot }) } as const;
      const { offset } = await client.call('explainEntry', request);
      return { space: host, start: offset, length: 8n };
    }
    case 'l2-entry': {
      const { l1, index, snapshot } = selection;
      const request = { table: 'l2', l1, index, ...(snapshot === undefined ? {} : { snapshot }) } as const;
      const { offset, bytes } = await client.call('explainEntry', request);
      return { space: host, start: offset, length: BigInt(bytes.length) };
    }
    case 'refcount-table-entry': {
      const { offset } = await client.call('explainEntry', { table: 'refcount-table', index: selection.index });
      return { space: host, start: offset, length: 8n };
    }
    case 'refcount-entry': {
      const { clusterSize = 65536, refcountBits = 16 } = image.geometry ?? {};
      const cluster = (BigInt(clusterSize) * 8n) / BigInt(refcountBits);
      const wanted = BigInt(selection.block) * cluster + BigInt(selection.index);
      const { place } = await client.call('explainRefcount', { host: wanted * BigInt(clusterSize) });
      return place && { space: host, start: place.offset, length: place.length };
    }
    default:
      return undefined;
  }
}

function knownPlace(image: Image, found: Finding | undefined, selection: Selection): MarkedPlace | undefined {
  const { header, encryption } = image;
  const at = (start: bigint | number, length: bigint | number): MarkedPlace => ({
    space: host,
    start: BigInt(start),
    length: BigInt(length),
  });
  const field = (name: string): MarkedPlace | undefined => {
    const row = header?.fields.find((one) => one.name === name && one.present);
    return row && at(row.offset, row.size);
  };
  switch (selection.kind) {
    case 'field':
      return field(selection.name);
    case 'bit':
      return field(`${selection.mask}_features`);
    case 'unknown-fields':
      return header?.unknownFields && at(header.unknownFields.offset, header.unknownFields.bytes.length);
    case 'extension': {
      const extension = image.extensions[selection.index];
      return extension && at(extension.offset, 8 + extension.length);
    }
    case 'snapshot': {
      const snapshot = image.snapshots.items[selection.index];
      return snapshot && at(snapshot.offset, fixedBytes.snapshot + BigInt(snapshot.extraBytes));
    }
    case 'bitmap': {
      const bitmap = image.bitmaps.items[selection.index];
      return bitmap && at(bitmap.offset, fixedBytes.bitmap);
    }
    case 'encryption':
      return encryption?.offset === undefined ? undefined : at(encryption.offset, encryption.length ?? 592n);
    case 'key-slot':
      return encryption?.offset === undefined
        ? undefined
        : at(encryption.offset + fixedBytes.slots + BigInt(selection.index) * fixedBytes.slot, fixedBytes.slot);
    case 'backing':
      return image.backing && at(image.backing.offset, image.backing.nameBytes.length);
    case 'finding':
    case 'scan-finding':
    case 'check-finding': {
      const { host: inFile, guest } = found ?? {};
      return inFile
        ? at(inFile.offset, inFile.length)
        : guest && { space: { space: 'guest' }, start: guest.offset, length: guest.length };
    }
    case 'host':
      return at(selection.start, selection.length);
    case 'guest': {
      const { start, length, snapshot } = selection;
      return { space: { space: 'guest', ...(snapshot === undefined ? {} : { snapshot }) }, start, length };
    }
    default:
      return undefined;
  }
}
