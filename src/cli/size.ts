const double = new DataView(new ArrayBuffer(8));

/**
 * A size in bytes for a person, as QEMU writes it (size_to_str): three digits and a unit, the next larger one from
 * 1000 on, `196 KiB`, `0.977 MiB`.
 */
export function showSize(bytes: bigint): string {
  // frexp()'s exponent, less one, of the size scaled so that 1000 of a unit reach the next power of 1024.
  double.setFloat64(0, Number(bytes) / (1000 / 1024));
  const exponent = bytes === 0n ? 0 : ((double.getUint32(0) >>> 20) & 0x7ff) - 1023;
  const power = Math.floor(exponent / 10);
  const unit = 1n << BigInt(10 * power);
  return `${showThreeDigits(BigInt(Number(bytes)), unit)} ${power === 0 ? '' : `${'KMGTPE'[power - 1]}i`}B`;
}

/**
 * C's `%0.3g` of `bytes` / `unit`, for 0 and for 0.9 to 1000: a value in the middle goes to the even digit (JavaScript's
 * toPrecision takes the larger one).
 */
function showThreeDigits(bytes: bigint, unit: bigint): string {
  const decimals = bytes < unit ? 3 : bytes < 10n * unit ? 2 : bytes < 100n * unit ? 1 : 0;
  const scaled = bytes * 10n ** BigInt(decimals);
  const below = scaled / unit;
  const rest = 2n * (scaled % unit);
  const rounded = rest > unit || (rest === unit && below % 2n === 1n) ? below + 1n : below;
  return decimals === 0 && rounded === 1000n ? '1e+03' : String(Number(rounded) / 10 ** decimals);
}
