import { jsonString } from '../engine/dump/jsonText.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { Progress } from '../engine/ports.ts';
import type { SalvageLayer } from '../engine/salvage/piece.ts';
import { type SalvageSummary, salvage } from '../engine/salvage/salvage.ts';
import type { SalvageChoice } from '../engine/salvage/source.ts';
import { openSalvageFiles, type SalvageTarget } from './salvageFiles.ts';
import { choiceText } from './salvageMark.ts';

/**
 * Saves a disk to a sparse raw file, with a mapfile of ddrescue and a list of what is missing beside it. A run that was
 * cancelled or failed leaves the raw file and the map, so that the next one goes on.
 *
 * @throws `Qcow2Error`, as `openSalvageFiles` and `salvage` do
 */
export async function saveDisk(
  layer: SalvageLayer,
  target: SalvageTarget,
  progress: Progress,
): Promise<SalvageSummary> {
  const { files, before } = openSalvageFiles(target);
  let summary: SalvageSummary;
  try {
    summary = await salvage(layer, before, files, progress);
  } catch (error) {
    if (error instanceof Qcow2Error && error.code === 'cancelled') {
      files.finish(['"finished": false']);
    } else {
      files.abandon();
    }
    throw error;
  }
  const { earlier, data, zeros, missing, missingRanges } = summary;
  files.finish([
    '"finished": true',
    `"saved-before": ${earlier}`,
    `"data": ${data}`,
    `"zeros": ${zeros}`,
    `"missing-bytes": ${missing}`,
    `"missing-ranges": ${missingRanges}`,
  ]);
  return summary;
}

/** The first members of the list of what is missing. `image`: its path. */
export function listHead(image: string, output: string, choice: SalvageChoice, size: number): string[] {
  return [
    `"filename": ${jsonString(image)}`,
    `"disk": ${jsonString(choiceText(choice))}`,
    `"output": ${jsonString(output)}`,
    `"virtual-size": ${size}`,
  ];
}
