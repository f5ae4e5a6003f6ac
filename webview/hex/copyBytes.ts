import { showCount, showSize } from '../../src/engine/format/show.ts';
import type { Client } from '../../src/protocol/client.ts';
import type { RangeRequest } from '../../src/protocol/mapApi.ts';
import { byteWords } from './byteKinds.ts';

/** Most bytes that are copied; more is for a file. */
const mostBytes = 2n ** 20n;

/**
 * Copies bytes to the clipboard, and says what was copied. Nothing is copied where there is too much, or where bytes are
 * not known: what is missing is said instead.
 */
export async function copyBytes(client: Client, range: RangeRequest, as: 'hex' | 'text'): Promise<string> {
  if (range.length > mostBytes) {
    return `not copied: ${showSize(range.length)} are selected, and at most ${showSize(mostBytes)} are copied. Use “Save Bytes…”`;
  }
  const { bytes, runs } = await client.call('bytes', range);
  const missing = runs.find(({ kind }) => byteWords[kind].nature === 'unknown');
  if (missing) {
    return `not copied: byte ${missing.from} of the selection is not known (${byteWords[missing.kind].label})`;
  }
  await navigator.clipboard.writeText(as === 'hex' ? hexLines(bytes) : new TextDecoder().decode(bytes));
  return `${showCount(bytes.length)} ${bytes.length === 1 ? 'byte' : 'bytes'} copied as ${as}`;
}

/** Bytes in hex, 16 a line. */
function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, '0'));
    lines.push(line.join(' '));
  }
  return lines.join('\n');
}
