/** An amount of bytes as text was read, or why it could not be. */
export type Amount = { readonly bytes: bigint } | { readonly problem: string };

/** Powers of 1024, by the first letter of the unit. */
const powers = ['b', 'k', 'm', 'g', 't', 'p', 'e'];

/** What separates groups of digits: `1 099 511`, `0x3_0000`. */
const separators = /[_,\s\u00a0\u202f]/g;

/**
 * Reads an amount of bytes: `0x3_0000`, `123 456`, `64k`, `1.5 GiB`. Units are binary, as those of qemu-img are. Exact,
 * whatever its size.
 */
export function parseAmount(text: string): Amount {
  const [, hex] = /^0x([\da-f_]+)$/i.exec(text) ?? [];
  if (hex?.replaceAll('_', '')) {
    return { bytes: BigInt(`0x${hex.replaceAll('_', '')}`) };
  }
  if (/^0x/i.test(text)) {
    return { problem: `“${text}” is no hex number: after 0x come digits and a to f.` };
  }
  const [, whole, fraction = '', unit = ''] = /^(\d[\d_,\s\u00a0\u202f]*)(?:\.(\d+))?\s*([a-z]*)$/i.exec(text) ?? [];
  if (whole === undefined) {
    return { problem: `“${text}” is no number: write 0x3_0000, 123456 or 1.5G.` };
  }
  const power = powerOf(unit);
  if (power === undefined) {
    return { problem: `“${unit}” is no unit: use K, M, G, T, P or E (1K is 1024 bytes).` };
  }
  const scaled = BigInt(whole.replaceAll(separators, '') + fraction) * 1024n ** BigInt(power);
  const divisor = 10n ** BigInt(fraction.length);
  return scaled % divisor === 0n ? { bytes: scaled / divisor } : { problem: `${text} is not a whole number of bytes.` };
}

function powerOf(unit: string): number | undefined {
  const power = unit === '' ? 0 : powers.indexOf(unit.charAt(0).toLowerCase());
  const rest = unit.slice(1).toLowerCase();
  const known = rest === '' || (power > 0 && (rest === 'b' || rest === 'ib')) || (power === 0 && rest === 'ytes');
  return power >= 0 && known ? power : undefined;
}
