import { systemText } from '../error.ts';
import { type ByteRange, finding } from '../finding.ts';
import { type Luks, luksHeaderBytes, parseLuks } from '../format/luks.ts';
import { checkLuks } from '../format/luksChecks.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';
import type { FindingList } from './findingList.ts';
import { readHostBytes } from './hostBytes.ts';

/** Reads the LUKS header at the start of its area; undefined where there is none. */
export async function openLuks(storage: Storage, area: ByteRange, findings: FindingList): Promise<Luks | undefined> {
  const { offset, length } = area;
  if (length < BigInt(luksHeaderBytes)) {
    findings.add(finding('luks-header-too-short', 'crypto.length', { length }, { host: area }));
    return undefined;
  }
  if (offset + length > storage.size) {
    const values = { start: offset, end: offset + length, size: storage.size };
    findings.add(finding('luks-header-past-end', 'crypto.offset', values, { host: area }));
  }
  if (offset >= storage.size) {
    const unreadable = offset + BigInt(luksHeaderBytes) > limits.fileEnd;
    const values = unreadable ? { error: systemText('EIO') } : {};
    findings.add(finding(unreadable ? 'luks-header-unreadable' : 'luks-magic-wrong', 'luks', values, { host: area }));
    return undefined;
  }
  const bytes = new Uint8Array(luksHeaderBytes);
  const [bad] = await readHostBytes(storage, offset, bytes);
  if (bad) {
    const values = { error: systemText(bad.system) };
    findings.add(finding('luks-header-unreadable', 'luks', values, { host: area }));
    return undefined;
  }
  const luks = parseLuks(bytes);
  findings.add(...(luks ? checkLuks(luks, offset) : []));
  return luks;
}
