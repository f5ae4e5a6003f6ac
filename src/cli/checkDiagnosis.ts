import { diagnose } from '../engine/check/diagnose.ts';
import type { Diagnosis } from '../engine/check/diagnosis.ts';
import type { Severity } from '../engine/finding.ts';
import { closeChain, openChain } from '../engine/image/chain.ts';
import type { Image } from '../engine/image/image.ts';
import { noProgress } from '../engine/ports.ts';
import { codecs } from '../platform/codecs.ts';
import { fileGate } from '../platform/gate.ts';
import { worstAdditional, writeFindingsJson, writeFindingsText } from './checkFindings.ts';
import { asObject, asText, exitCodeOf, exitCodes, noCheck } from './checkReport.ts';
import { writeSarif } from './checkSarif.ts';
import type { ImageSource } from './imageSource.ts';
import type { Output } from './output.ts';
import { qdictEntries } from './qdict.ts';
import { refusalOf } from './refusal.ts';
import { TextStream } from './textStream.ts';
import { watchForWriters } from './writers.ts';

/** What is asked for. */
interface Manner {
  readonly output: 'human' | 'json' | 'sarif';
  /** Also decompresses everything. */
  readonly deep: boolean;
  /** Also opens the files that the image names. */
  readonly follow: boolean;
  readonly quiet: boolean;
}

/** Checks, and tells all that is wrong, one by one: also of an image that QEMU refuses. */
export async function tellFindings(
  source: ImageSource,
  { output, deep, follow, quiet }: Manner,
  out: Output,
): Promise<number> {
  const { image, storage, path } = await source.open('diagnose');
  try {
    if (image === undefined) {
      throw noCheck();
    }
    const tellWriters = await watchForWriters([{ path, storage }]);
    const diagnosis = await diagnoseFile(image, path, deep, follow);
    const { result } = diagnosis;
    const refusal = refusalOf(image, 'check', diagnosis.findings('bitmap-table-unreadable', 0, 1));
    const whole = result && result.checkErrors === 0 && result.failure === undefined && refusal === undefined;
    const code = whole ? worstCode(exitCodeOf(result), worstAdditional(diagnosis)) : exitCodes.failed;
    if (code !== exitCodes.sound) {
      await tellWriters();
    }
    if (quiet) {
      return code;
    }
    const to = new TextStream(out);
    const words = refusal === undefined ? undefined : Buffer.from(refusal, 'latin1').toString();
    if (output === 'sarif') {
      writeSarif(to, { path, exitCode: code, refusal: words }, diagnosis);
    } else if (output === 'json') {
      const counts = result
        ? Object.fromEntries(qdictEntries(asObject(result, source.name, { corruptions: 0, leaks: 0 })))
        : {};
      writeFindingsJson(to, counts, source.name, words, diagnosis);
    } else {
      to.write(result ? asText(result) : '');
      writeFindingsText(to, words, diagnosis);
    }
    to.flush();
    return code;
  } finally {
    await storage.close();
  }
}

/** Diagnoses an image; with `follow`, together with the files that it names. */
async function diagnoseFile(image: Image, path: string, deep: boolean, follow: boolean): Promise<Diagnosis> {
  if (!follow) {
    return diagnose(image, { codecs, deep }, noProgress);
  }
  const chain = await openChain(image, path, fileGate, { probe: true, dataFiles: true });
  try {
    return await diagnose(image, { codecs, deep, chain }, noProgress);
  } finally {
    await closeChain(chain);
  }
}

/** Exit code with what qemu-img check does not count: at least as bad as its own. */
function worstCode(code: number, additional: Severity | undefined): number {
  if (code === exitCodes.corrupt || additional === 'corruption') {
    return exitCodes.corrupt;
  }
  return additional === 'leak' ? exitCodes.leaks : code;
}
