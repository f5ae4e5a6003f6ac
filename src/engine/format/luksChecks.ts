import { type Finding, type FindingCode, finding } from '../finding.ts';
import {
  type Luks,
  type LuksSlot,
  luksHeaderBytes,
  luksHeaderSectors,
  luksKeyMaterialSectors,
  luksMagic,
  luksSlotDisabled,
  luksSlotEnabled,
  luksStripes,
} from './luks.ts';
import { unknownAlgorithm } from './luksAlgorithms.ts';

/** What QEMU calls the texts that must end with a NUL. */
const texts = [
  ['cipher_name', 'cipher name'],
  ['cipher_mode', 'cipher mode'],
  ['hash_spec', 'hash spec'],
] as const;

/**
 * What is wrong in a LUKS header, in the order of QEMU's checks (qcrypto_block_luks_check_header): a header that is none,
 * or of another version, is not looked into. `offset`: its host offset in bytes.
 */
export function checkLuks(luks: Luks, offset: bigint): Finding[] {
  const findings: Finding[] = [];
  const add = (code: FindingCode, values: Finding['values'] = {}, chain = 'luks'): void => {
    findings.push(finding(code, chain, values, { host: { offset, length: BigInt(luksHeaderBytes) } }));
  };
  if (luksMagic.some((byte, index) => luks.bytes.magic[index] !== byte)) {
    add('luks-magic-wrong');
    return findings;
  }
  const { version, payload_offset: payload } = luks.fields;
  if (version !== 1) {
    add('luks-version-unsupported', { version });
    return findings;
  }
  for (const [name, field] of texts) {
    if (!luks.bytes[name].includes(0)) {
      add('luks-text-unterminated', { field }, `luks.${name}`);
    }
  }
  if (payload < luksHeaderSectors) {
    add('luks-payload-in-header', {}, 'luks.payload_offset');
  }
  if (luks.fields.mk_digest_iter === 0) {
    add('luks-iterations-zero', {}, 'luks.mk_digest_iter');
  }
  for (const slot of luks.slots) {
    for (const { code, values } of slotProblems(luks, slot)) {
      add(code, { slot: slot.index, ...values }, `luks.slot[${slot.index}]`);
    }
  }
  const message = findings.length === 0 ? unknownAlgorithm(luks) : undefined;
  if (message !== undefined) {
    add('luks-algorithm-unsupported', { message });
  }
  return findings;
}

type Problem = { readonly code: FindingCode; readonly values?: Finding['values'] };

function slotProblems(luks: Luks, slot: LuksSlot): Problem[] {
  const { active, iterations, stripes, key_material_offset: start } = slot.fields;
  const problems: Problem[] = [];
  if (stripes !== luksStripes) {
    problems.push({ code: 'luks-slot-stripes', values: { stripes, signed: stripes | 0 } });
  }
  if (start < luksHeaderSectors) {
    problems.push({ code: 'luks-slot-in-header' });
  }
  if (active !== luksSlotEnabled && active !== luksSlotDisabled) {
    problems.push({ code: 'luks-slot-state' });
  }
  if (active === luksSlotEnabled && iterations === 0) {
    problems.push({ code: 'luks-slot-iterations-zero' });
  }
  if (start + keySectors(luks, slot) > luks.fields.payload_offset) {
    problems.push({ code: 'luks-slot-in-payload' });
  }
  for (const other of luks.slots.slice(slot.index + 1)) {
    const from = other.fields.key_material_offset;
    if (start + keySectors(luks, slot) > from && from + keySectors(luks, other) > start) {
      problems.push({ code: 'luks-slots-overlap', values: { other: other.index } });
    }
  }
  return problems;
}

function keySectors(luks: Luks, { fields }: LuksSlot): number {
  return luksKeyMaterialSectors(luks.fields.key_bytes, fields.stripes);
}
