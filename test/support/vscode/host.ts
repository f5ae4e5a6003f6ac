import { join } from 'node:path';
import { downloadAndUnzipVSCode } from '@vscode/test-electron';
import { cacheFolder } from './install.ts';

/** What runs the tests of the extension host. */
export interface Host {
  /** For `vscodeExecutablePath`. */
  readonly executable: string;
  /** What it is and why, for the person who runs the tests. */
  readonly says: string;
}

/**
 * The desktop VS Code that `$QCOW2_VSCODE` or `$VSCODE_PATH` names; else, where there is a display for it, one that is
 * downloaded; else the VS Code server with a headless Chromium. `QCOW2_VSCODE=server` asks for the server.
 */
export async function chooseHost(): Promise<Host> {
  const given = process.env.QCOW2_VSCODE || process.env.VSCODE_PATH;
  const executable = join(import.meta.dirname, 'serverAsCode.ts');
  const server = (why: string) => ({ executable, says: `VS Code server and headless Chromium (${why})` });
  if (given === 'server') return server('asked for');
  if (given) return { executable: given, says: `desktop VS Code, ${given}` };
  if (!hasDisplay()) return server('there is no display for a desktop VS Code');
  try {
    const downloaded = await downloadAndUnzipVSCode({ cachePath: join(cacheFolder(), 'desktop'), timeout: 15_000 });
    return { executable: downloaded, says: `desktop VS Code, downloaded to ${downloaded}` };
  } catch (error) {
    return server(
      `the desktop VS Code cannot be downloaded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Whether a desktop program can show its windows. */
export function hasDisplay(): boolean {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}
