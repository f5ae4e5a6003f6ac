import { DatabaseSync } from 'node:sqlite';

/**
 * Waits for and takes the lock on a file, which is made when it is not there; returns the lock's release. It is SQLite's,
 * and so the kernel's: it ends with its holder. `waiting` is called every ten seconds while another process has it.
 */
export async function lockFile(path: string, waiting: () => void): Promise<() => void> {
  const database = new DatabaseSync(path);
  for (let tries = 0; ; tries++) {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return () => database.close();
    } catch (error) {
      if (!((error instanceof Error && 'errcode' in error && error.errcode === 5) /* SQLITE_BUSY */)) throw error;
      if (tries % 20 === 0) waiting();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
