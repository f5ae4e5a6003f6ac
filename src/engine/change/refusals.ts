import { Qcow2Error } from '../error.ts';
import type { FindingCode } from '../finding.ts';
import { explain, findingTexts, isRefused } from '../findingTexts.ts';
import type { Image } from '../image/image.ts';

/** Incompatible bit 0: refcounts may be stale. */
const dirtyBit = 1n;
/** Incompatible bit 1. */
const corruptBit = 2n;

/** What a change does that not every image bears. */
export interface Demands {
  /** Takes clusters, or gives them back. */
  readonly clusters: boolean;
  /** Is for images that are marked as corrupt too. */
  readonly corrupt?: boolean;
}

/**
 * Throws `refused` with the reason where an image must not be changed: what QEMU would not open for writing, and, for a
 * change that takes or gives back clusters, one whose refcounts may be stale or whose tables are damaged.
 */
export function requireChangeable(image: Image, { clusters, corrupt = false }: Demands): void {
  const { header, geometry } = image;
  if (!header || !geometry) {
    throw refused(unreadableText(image));
  }
  if (!corrupt && header.version >= 3 && (header.incompatible_features & corruptBit) !== 0n) {
    throw refused('It is marked as corrupt. Check and repair it first.');
  }
  if (clusters && header.version >= 3 && (header.incompatible_features & dirtyBit) !== 0n) {
    throw refused(
      'It was not closed properly (dirty bit): its refcounts may be stale, and clusters in use would be taken. Have the refcounts rebuilt first (qemu-img check -r all, or a repair).',
    );
  }
  for (const found of image.findings) {
    const { verdict, severity, title } = explain(found);
    const marked = found.code === 'image-corrupt' || found.code === 'image-dirty';
    if (!marked && (verdict === 'refuses' || verdict === 'refuses-write' || (clusters && severity === 'corruption'))) {
      throw refused(firstRepair(found.code, title));
    }
  }
}

/** Findings for which QEMU does not open an image, and a repair may help: what their codes start with. */
const repairable = /^(bitmap|snapshot|refcount-table|l1-table|image-)/;

/** Whether a repair takes an image that has such a finding. */
function canRepair(code: FindingCode): boolean {
  const { verdict } = findingTexts[code];
  return (verdict !== 'refuses' && verdict !== 'refuses-write') || repairable.test(code);
}

/** Why no repair takes an image, as sentences; undefined where one does. */
export function repairRefusal(image: Image): string | undefined {
  if (!image.header || !image.geometry) {
    return unreadableText(image);
  }
  const found = image.findings.find(({ code }) => !canRepair(code));
  return found && firstRepair(found.code, explain(found).title);
}

/** What is wrong with an image, by the code and the title of a finding, and whether a repair may put that right. */
export function firstRepair(code: FindingCode, title: string): string {
  const sentence = title.replace(/\.?$/, '.');
  return canRepair(code) ? `${sentence} Repair it first.` : `${sentence} No repair puts that right.`;
}

/** Why nothing of an image can be told but its first bytes, as sentences. */
export function unreadableText({ file, findings }: Pick<Image, 'file' | 'findings'>): string {
  const found = file.kind === 'qcow2' && findings.find(({ code }) => isRefused(code));
  const why = found ? explain(found).title : file.says;
  return `It is no qcow2 image that can be read: ${why.replace(/\.?$/, '.')}`;
}

function refused(why: string): Qcow2Error {
  return new Qcow2Error('refused', `The image is not changed. ${why}`);
}
