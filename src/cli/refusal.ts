import type { Finding } from '../engine/finding.ts';
import { explain } from '../engine/findingTexts.ts';
import { inLoadingOrder } from '../engine/image/bitmapLoading.ts';
import type { Image } from '../engine/image/image.ts';
import { bytesOfText } from './bytes.ts';
import { outputTo } from './output.ts';
import { programName } from './program.ts';

/**
 * What an image is opened for: `info` needs neither the password nor the data file, and `change`, which does not look at
 * the guest's data, does not either; `check` reads the snapshot table, and does without refcounts, for itself. `diagnose`
 * opens what QEMU refuses, too.
 */
export type Purpose = 'info' | 'io' | 'change' | 'check' | 'diagnose';

/**
 * Why QEMU does not open an image, in its words; undefined where it does. What it warns of until then is printed. A
 * byte string.
 *
 * @param unloadable - bitmaps whose tables QEMU can't load
 */
export function refusalOf(image: Image, purpose: Purpose, unloadable: readonly Finding[]): string | undefined {
  let needsSecret = purpose === 'io' && (image.header?.crypt_method ?? 0) !== 0;
  for (const found of inLoadingOrder(image.findings, unloadable)) {
    if (needsSecret && comesAfterSecret(found)) {
      break;
    }
    const { verdict, qemu, title } = explain(found);
    if (purpose === 'check' && (found.code.startsWith('snapshot-') || found.code === 'refcount-table-missing')) {
      continue;
    }
    const refused =
      verdict === 'refuses' ||
      (verdict === 'refuses-io' && (purpose === 'io' || purpose === 'check')) ||
      (verdict === 'refuses-write' && purpose === 'change');
    if (refused && found.code !== 'encryption-aes') {
      if (found.code === 'incompatible-feature-unknown') {
        warnOfExtensions(image.findings);
      }
      return bytesOfText(qemu ?? title);
    }
    if (verdict === 'warns' && qemu !== undefined) {
      warn(found, qemu);
    }
    // Only the pointer to the LUKS header asks for the password.
    needsSecret &&= found.code !== 'crypto-extension-missing';
  }
  return needsSecret ? "Parameter 'encrypt.key-secret' is required for cipher" : undefined;
}

/**
 * Warns of the bitmaps extension of an image whose features are not known: QEMU has read the extensions by then, up to one
 * that it refuses, since they may name the features (qcow2_do_open).
 */
function warnOfExtensions(findings: readonly Finding[]): void {
  for (const found of findings) {
    const { verdict, qemu } = explain(found);
    if (verdict === 'refuses' && /^(extension|crypto|backing-format|bitmap)/.test(found.code)) {
      return;
    }
    if (found.code === 'bitmaps-without-feature-bit' && qemu !== undefined) {
      warn(found, qemu);
    }
  }
}

function warn({ code }: Finding, message: string): void {
  const hint = code.startsWith('bitmaps-')
    ? "Some clusters may be leaked, run 'qemu-img check -r' on the image file to fix.\n"
    : '';
  outputTo(2).text(`${programName}: ${bytesOfText(message)}\n${hint}`);
}

/** Findings of these kinds that come before the LUKS header is read. */
const beforeSecret = ['luks-offset-invalid', 'snapshot-table-too-large', 'snapshot-table-offset-invalid'];

/** Whether QEMU would meet a finding only after it has asked for the password, where it reads the LUKS header. */
function comesAfterSecret({ code }: Finding): boolean {
  return /^(luks|bitmaps?|data-file|backing-name|snapshot)-/.test(code) && !beforeSecret.includes(code);
}
