/** The rank of a name that does not fit. */
export const noRank = 3;

/**
 * How well something fits a text by its names, case aside: 0 where a name is the text, 1 where one starts with it, 2
 * where one has it in it, else `noRank`. A single character must be the whole name.
 */
export function nameRank(names: readonly string[], text: string): number {
  const wanted = text.toLowerCase();
  return Math.min(noRank, ...names.map((name) => rankOf(name.toLowerCase(), wanted)));
}

function rankOf(name: string, wanted: string): number {
  if (name === wanted) {
    return 0;
  }
  if (wanted.length < 2) {
    return noRank;
  }
  return name.startsWith(wanted) ? 1 : name.includes(wanted) ? 2 : noRank;
}
