/**
 * A double as text in the form of DuckDB's cast to VARCHAR: the shortest digits that read back as the same double,
 * with a point always, and an exponent below 1e-4 and from 1e16 on: `1.0`, `0.1`, `1e+16`, `1.5e-05`, `nan`, `-inf`.
 */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e16) {
    const text = String(value);
    return Number.isInteger(value) ? `${text}.0` : text;
  }
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const places = exponent.slice(1).padStart(2, '0');
  return `${digits}e${exponent[0]}${places}`;
}
