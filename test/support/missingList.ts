import { readFile } from 'node:fs/promises';

/** A range that is missing, as the list beside a saved disk has it; in bytes. */
export interface ListedRange {
  readonly start: number;
  readonly length: number;
  readonly reason: string;
  readonly text: string;
  readonly file: string;
  readonly depth: number;
}

/** The ranges that the list beside a saved disk (`raw`: its path) names. */
export async function missingOf(raw: string): Promise<ListedRange[]> {
  return JSON.parse(await readFile(`${raw}.missing.json`, 'utf8')).missing;
}
