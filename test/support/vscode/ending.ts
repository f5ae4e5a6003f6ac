import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const undos = new Set<() => void>();

/**
 * Has `undo` called once when this process ends, by itself or by SIGINT, SIGTERM or SIGHUP. Newest first. `undo` must
 * be synchronous. Returns a function that calls it now instead.
 */
export function whenEnding(undo: () => void): () => void {
  listen();
  const once = () => {
    if (undos.delete(once)) undo();
  };
  undos.add(once);
  return once;
}

/** A new folder for the time that this process lives, with a name that begins with `qcow2-inspector-`. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `qcow2-inspector-${name}-`));
  whenEnding(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return folder;
}

let listening = false;
function listen(): void {
  if (listening) return;
  listening = true;
  process.on('exit', undoAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
  }
}

function undoAll(): void {
  for (const undo of [...undos].reverse()) {
    try {
      undo();
    } catch (error) {
      console.error(error);
    }
  }
}
