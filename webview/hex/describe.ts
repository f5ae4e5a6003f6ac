import { showOffset } from '../../src/engine/format/show.ts';
import type { Image } from '../description.ts';
import { snapshotWords } from '../widgets/snapshotChoice.ts';
import { visible } from '../widgets/visible.ts';
import { byteWords } from './byteKinds.ts';
import type { BytePages } from './bytePages.ts';
import { byteInWords } from './byteText.ts';
import { entryOf, nameAt } from './places.ts';
import type { ByteLook } from './rowNote.ts';
import type { Structures } from './structures.ts';

/** A layer of an image. */
interface Layer {
  readonly image: Image;
  readonly snapshot?: number | undefined;
}

/** How a byte is drawn: by the structure that owns it, else by what it is. `structures`: of the file alone. */
export function lookAt(pages: BytePages, structures: Structures | undefined, at: bigint): ByteLook {
  const byte = pages.at(at);
  const kind = 'run' in byte ? byte.run.kind : undefined;
  const words = kind && byteWords[kind];
  if (structures === undefined) {
    return { kind: words?.kind, note: words?.label ?? '' };
  }
  if (words?.nature === 'unknown') {
    return { kind: words.kind, note: words.label };
  }
  const [span] = structures.at(at);
  const [owner] = structures.ownersAt(at);
  if (span && (span.part !== undefined || owner === undefined)) {
    return { kind: span.kind, note: span.name.replaceAll('->', '→'), ...entryOf(span, at) };
  }
  if (owner) {
    return { kind: owner.kind, note: owner.owner };
  }
  return kind === 'hole' ? { kind: 'free', note: 'hole' } : { kind: undefined, note: '' };
}

/**
 * All that is known of a byte: value, structure and field, owners, where else it is, what is wrong. `layer`: that of the
 * guest's disk, to name the entries that lead there.
 */
export function describeByte(pages: BytePages, structures: Structures | undefined, layer: Layer, at: bigint): string {
  const byte = pages.at(at);
  const why = 'run' in byte ? byte.run.why : undefined;
  const about = structures === undefined ? guestWords(pages, layer, at) : ownerWords(structures, at);
  const words = [showOffset(at), byteInWords(pages, at), ...about, ...(why === undefined ? [] : [why])];
  return visible(words.join(' · '));
}

function ownerWords(structures: Structures, at: bigint): string[] {
  const names = structures.at(at).map((span) => nameAt(span, at));
  const owners = structures.ownersAt(at).map(({ owner, chain }) => `${owner}, ${chain}`);
  const known = names.length > 0 ? names : owners;
  if (known.length === 0 && structures.slow.state === 'loading') {
    return ['owner not known yet'];
  }
  return [...new Set(known.map((name) => name.replaceAll('->', '→')))];
}

function guestWords(pages: BytePages, { image, snapshot }: Layer, at: bigint): string[] {
  const byte = pages.at(at);
  if (!('run' in byte)) {
    return [];
  }
  const host = pages.hostAt(at);
  const place = byte.run.kind === 'compressed' ? 'compressed data at host' : 'host';
  return [
    ...(byte.state === 'stored' ? [byteWords[byte.run.kind].label] : []),
    ...(host === undefined ? [] : [`${place} ${showOffset(host)}`]),
    ...(snapshot === undefined ? [] : [snapshotWords(image, snapshot)]),
    ...(image.geometry === undefined ? [] : [entriesTo(image.geometry, at)]),
  ];
}

/** The entries that a guest offset is looked up by. */
function entriesTo({ clusterSize, l2Entries }: NonNullable<Image['geometry']>, at: bigint): string {
  const cluster = at / BigInt(clusterSize);
  return `L1[${cluster / BigInt(l2Entries)}] → L2[${cluster % BigInt(l2Entries)}]`;
}

/** The known bytes from a place on, as they read; at most `most`. */
export function bytesFrom(pages: BytePages, at: bigint, most: number): Uint8Array {
  const bytes: number[] = [];
  for (let index = 0; index < most; index++) {
    const value = pages.valueAt(at + BigInt(index));
    if (value === undefined) {
      break;
    }
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
}
