import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/** The files in a ZIP archive such as a VSIX, by name, unpacked. Throws when it is not one, or has a method but deflate. */
export function readZip(path: string): Map<string, Buffer> {
  const zip = readFileSync(path);
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0) throw new Error(`${path} is no ZIP archive`);
  const files = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, nameEnd);
    files.set(name, unpack(zip, at, `${name} in ${path}`));
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return files;
}

/** The content of the file whose entry in the central directory is at `entry`. */
function unpack(zip: Buffer, entry: number, name: string): Buffer {
  const method = zip.readUInt16LE(entry + 10);
  const local = zip.readUInt32LE(entry + 42);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const packed = zip.subarray(start, start + zip.readUInt32LE(entry + 20));
  const content = method === 8 ? inflateRawSync(packed) : packed;
  if ((method !== 0 && method !== 8) || content.length !== zip.readUInt32LE(entry + 24)) {
    throw new Error(`${name} cannot be unpacked (method ${method})`);
  }
  return content;
}
