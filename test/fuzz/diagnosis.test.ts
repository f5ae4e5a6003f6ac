import assert from 'node:assert/strict';
import { diagnose } from '../../src/engine/check/diagnose.ts';
import type { Diagnosis } from '../../src/engine/check/diagnosis.ts';
import type { Finding } from '../../src/engine/finding.ts';
import { findingTexts } from '../../src/engine/findingTexts.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { random } from '../support/random.ts';
import { type BaseFile, baseFiles, loadBase } from './base.ts';
import { metadataPlaces } from './metadata.ts';
import { mutate } from './mutation.ts';

const count = Number(process.env.QCOW2_DIAGNOSES ?? 150);
const seed = Number(process.env.QCOW2_SEED ?? 1);

/** What must be so of any image. Throws what is not. */
function judge(diagnosis: Diagnosis): void {
  const { result, groups, impacts } = diagnosis;
  const found = new Map<string, readonly Finding[]>();
  for (const { code, count: all, listed } of groups) {
    const list = diagnosis.findings(code, 0, Number.POSITIVE_INFINITY);
    assert.equal(list.length, listed ?? all, code);
    assert.ok(list.every((one) => one.code === code));
    found.set(code, list);
  }
  for (const [index, { guest }] of impacts.entries()) {
    assert.ok(guest.length > 0n && (impacts[index - 1]?.guest.offset ?? 0n) <= guest.offset);
  }
  if (!result || result.failure !== undefined) {
    return;
  }
  const leaked = (found.get('cluster-leaked') ?? []).reduce((sum, { values }) => sum + Number(values.clusters), 0);
  assert.equal(leaked, result.leaks);
  const counted = groups.filter(({ code, additional }) => !additional && findingTexts[code].severity === 'corruption');
  assert.ok(
    result.corruptions === 0 || counted.length > 0 || found.has('snapshot-entry-incomplete'),
    'less than counted',
  );
}

describe('A diagnosis of a damaged image', function () {
  this.timeout(300_000);

  it('fails for nothing that is damaged, and agrees with qemu-img’s numbers', async () => {
    const bases = (await baseFiles()) as [BaseFile, ...BaseFile[]];
    const wrong: string[] = [];
    for (let index = 0; index < count; index++) {
      const numbers = random(seed * 100_003 + index);
      const base = numbers.pick(bases);
      const storage = await loadBase(base);
      const done = mutate(storage, metadataPlaces(storage), numbers);
      try {
        judge(await diagnose(await openImage(storage), { codecs, deep: true }, noProgress));
      } catch (error) {
        wrong.push(`${index}: ${base.name}: ${done.join('; ')}: ${String(error)}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});
