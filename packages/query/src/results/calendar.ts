/** Days since 1970-01-01 as `YYYY-MM-DD`, proleptic Gregorian, with ISO 8601's sign and six digits beyond 0000–9999. */
export function dateText(days: number): string {
  // Howard Hinnant's civil_from_days: eras of 400 years that begin on the first of March.
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** A time of day from its parts: `HH:MM:SS` and `digits` digits of a second's fraction. */
export function timeText(secondOfDay: number, fraction: number, digits: number): string {
  const hours = Math.floor(secondOfDay / 3600);
  const minutes = Math.floor(secondOfDay / 60) % 60;
  const text = `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(secondOfDay % 60, 2)}`;
  return digits === 0 ? text : `${text}.${pad(fraction, digits)}`;
}

/** `value` counts `10 ** digits` parts of a second since the epoch: ISO 8601, UTC. DuckDB's infinities keep their word. */
export function timestampText(value: bigint, digits: 0 | 3 | 6 | 9): string {
  if (value === 2n ** 63n - 1n) return 'infinity';
  if (value === -(2n ** 63n) + 1n) return '-infinity';
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((value % perSecond) + perSecond) % perSecond;
  const seconds = Number((value - fraction) / perSecond);
  const days = Math.floor(seconds / 86_400);
  return `${dateText(days)}T${timeText(seconds - days * 86_400, Number(fraction), digits)}Z`;
}

function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return pad(year, 4);
  return `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
