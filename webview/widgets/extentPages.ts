/** A run of a space as a row of a table. */
export interface Run {
  readonly start: bigint;
  readonly length: bigint;
}

/** Some runs of a space, in order, from an offset on: a run that the offset is inside of is cut there. */
export interface RunPage<R extends Run> {
  readonly rows: readonly R[];
  /** Where the next page starts; absent at the end of the space. */
  readonly next?: bigint;
}

/** Asks for the runs from an offset on. */
export type AskRuns<R extends Run> = (from: bigint, count: number) => Promise<RunPage<R>>;

/** Rows of one question. */
export const pageRows = 256;
/** Most rows of a question that looks for the runs before an offset. */
const mostRows = 1024;

/**
 * The last runs that start before `end`, which is not 0, as many as a page has or more; and the run that `end` is inside
 * of, whole. The worker answers only forwards: how far back a page reaches is tried out, from `guess` bytes on.
 */
export async function runsBefore<R extends Run>(
  ask: AskRuns<R>,
  end: bigint,
  guess: bigint,
): Promise<{ readonly rows: readonly R[]; readonly first: boolean }> {
  let short = 0n;
  let far: bigint | undefined;
  for (let span = guess > 0n ? guess : 1n; ; span = far === undefined ? span * 4n : (short + far) / 2n) {
    const from = span < end ? end - span : 0n;
    const page = await ask(from, mostRows);
    const last = page.rows.at(-1);
    if (page.next !== undefined && last !== undefined && last.start + last.length < end) {
      far = span;
      continue;
    }
    // The first run may have been cut; it is known to be whole only at the start of the space.
    const inside = page.rows.filter((row) => row.start < end);
    const rows = from === 0n ? inside : inside.slice(1);
    const closest = far !== undefined && span * 2n >= far;
    if (from === 0n || rows.length >= pageRows || (rows.length > 0 && closest)) {
      return { rows: rows.slice(-2 * pageRows), first: from === 0n && rows.length <= 2 * pageRows };
    }
    short = span;
  }
}
