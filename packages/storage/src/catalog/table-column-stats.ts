import type { FileColumnStats } from '@openwit/ports';
import type { StoredType } from '../parquet/stored-layout.ts';

/** What DuckLake keeps of a column over all files of a table. A reader drops rows outside `min` and `max` unread. */
export interface TableColumnStats {
  readonly containsNull: boolean;
  readonly containsNan: boolean | undefined;
  /** Undefined: unknown, or no file has a value. */
  readonly min: string | undefined;
  readonly max: string | undefined;
}

/**
 * The statistics with a new file in them.
 * @param hadValues whether any file before has a value in the column: then an absent minimum means "unknown", for good
 */
export function withFile(
  current: TableColumnStats | undefined,
  file: FileColumnStats,
  type: StoredType,
  hadValues: boolean,
): TableColumnStats {
  const isNan = current?.containsNan === true || file.containsNan === true;
  const containsNan = type === 'float64' ? isNan : undefined;
  const containsNull = current?.containsNull === true || file.nullCount > 0;
  const isUnknown = (hadValues && current?.min === undefined) || (hasNumbers(file) && file.min === undefined);
  if (isUnknown) return { containsNull, containsNan, min: undefined, max: undefined };
  return {
    containsNull,
    containsNan,
    min: first([current?.min, file.min], (a, b) => isLess(a, b, type)),
    max: first([current?.max, file.max], (a, b) => isLess(b, a, type)),
  };
}

/** A file of nothing but NULL and NaN has no minimum, and needs none. */
function hasNumbers({ valueCount, containsNan, min }: FileColumnStats): boolean {
  return valueCount > 0 && !(containsNan === true && min === undefined);
}

function first(
  values: readonly (string | undefined)[],
  isBefore: (a: string, b: string) => boolean,
): string | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.reduce<string | undefined>(
    (best, value) => (best === undefined || isBefore(value, best) ? value : best),
    undefined,
  );
}

/** Of two of DuckLake's text forms. */
export function isLess(a: string, b: string, type: StoredType): boolean {
  switch (type) {
    case 'float64':
      return asDouble(a) < asDouble(b);
    case 'timestamp_ns':
      return a < b;
    case 'varchar':
      return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
    default:
      return BigInt(a) < BigInt(b);
  }
}

function asDouble(text: string): number {
  return text.endsWith('inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}
