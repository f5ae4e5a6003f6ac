import * as vscode from 'vscode';
import { CallFailed } from '../protocol/client.ts';
import { probeFormat } from '../worker/probeFormat.ts';
import type { AskTools } from './createOption.ts';

/** A file that was looked at, since the user has chosen it as backing file. */
export interface BackingFile {
  readonly path: string;
  /** The driver of QEMU that would take it, by its first bytes. */
  readonly looksLike: string;
  /** Bytes of the disk, by the format that the file is taken for: those that we can read. */
  readonly sizes: ReadonlyMap<string, bigint>;
}

/** Looks at a file that the user has chosen. Where it can't be a backing file, the user is told why. */
export async function lookAtBacking(uri: vscode.Uri, describe: AskTools['describe']): Promise<BackingFile | undefined> {
  const refuse = (why: string): undefined => {
    void vscode.window.showErrorMessage(`${uri.fsPath} can’t be a backing file: ${why}`);
  };
  if (uri.scheme !== 'file') {
    return refuse('it must be on a disk of this machine.');
  }
  try {
    const { file, geometry, qemuRefusal } = await describe(uri);
    // After it, since it refuses what is no file: a pipe would be waited for.
    const looksLike = await probeFormat(uri.fsPath);
    if (looksLike === 'qcow2' && (geometry === undefined || qemuRefusal !== undefined)) {
      return refuse(qemuRefusal ?? file.says);
    }
    const sizes = new Map([['raw', (file.size + 511n) & ~511n]]);
    if (looksLike === 'qcow2' && geometry !== undefined) {
      sizes.set('qcow2', geometry.virtualSize);
    }
    return { path: uri.fsPath, looksLike, sizes };
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      throw error;
    }
    return refuse(error.message);
  }
}
