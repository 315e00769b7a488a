/**
 * A double as DuckDB casts it to VARCHAR, which is how attributes hold doubles: the shortest digits that give the value
 * back, `1.0`, `0.0001`, `1e-05`, `1e+16`, `-0.0`, `nan`, `inf`. (fmt's rule: exponents from -4 to 15 are written out.)
 */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const digits = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`;
  }
  const text = String(value); // JavaScript writes out all of these
  return text.includes('.') ? text : `${text}.0`;
}
