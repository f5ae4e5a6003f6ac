/** Some measurements of one thing. */
export interface Sample {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Sums up measurements; there must be at least one. */
export function sample(values: readonly number[]): Sample {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)] ?? Number.NaN, sorted[Math.ceil(middle)] ?? Number.NaN];
  return { median: (low + high) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** `1.3 s (1.2–1.5)`, or in milliseconds below one second. */
export function shownTime({ median, min, max }: Sample): string {
  const [unit, divisor] = max >= 1000 ? ['s', 1000] : ['ms', 1];
  const digits = (value: number): string => {
    const scaled = value / divisor;
    return scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2);
  };
  return `${digits(median)} ${unit} (${digits(min)}–${digits(max)})`;
}
