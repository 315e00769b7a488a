/** Value `i` of Arrow's 128-bit decimals (four words, least significant first). */
export function int128(words: Uint32Array, i: number): bigint {
  const low = BigInt(words[4 * i]!) | (BigInt(words[4 * i + 1]!) << 32n);
  const high = BigInt(words[4 * i + 2]!) | (BigInt(words[4 * i + 3]!) << 32n);
  return BigInt.asIntN(128, low | (high << 64n));
}

/** An unscaled value with its point: `-1.50` for -150 and a scale of 2. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
