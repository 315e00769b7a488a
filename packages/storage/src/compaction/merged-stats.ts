import type { FileColumnStats } from '@openwit/ports';
import { isLess } from '../catalog/table-column-stats.ts';
import type { StoredColumn } from '../parquet/stored-layout.ts';

/** What DuckDB's `COPY … RETURN_STATS` tells of a file: by column, then by statistic. */
export interface CopyStatistics {
  readonly entries: readonly { readonly key: string; readonly value: { readonly entries: readonly CopyStatistic[] } }[];
}

interface CopyStatistic {
  readonly key: string;
  readonly value: string;
}

/** The statistics of a file out of those of its parts. */
export class MergedStats {
  readonly #columns: readonly StoredColumn[];
  readonly #fieldIdOf: (column: StoredColumn) => number;
  readonly #merged = new Map<string, FileColumnStats>();
  /** Columns of which a part has values and no minimum: it has none for the file either. */
  readonly #unknown = new Set<string>();

  /** @param columns those at the top that hold single values */
  constructor(columns: readonly StoredColumn[], fieldIdOf: (column: StoredColumn) => number) {
    this.#columns = columns;
    this.#fieldIdOf = fieldIdOf;
  }

  /**
   * @param names the columns that the part has
   * @param times how many rows of the file each of its rows stands for
   */
  add({ entries }: CopyStatistics, rows: number, names: ReadonlySet<string>, times = 1): void {
    const byColumn = new Map(
      entries.map(({ key, value }) => [key, new Map(value.entries.map((s) => [s.key, s.value]))]),
    );
    for (const column of this.#columns) {
      if (!names.has(column.name)) continue;
      const found = byColumn.get(`"${column.name.replaceAll('"', '""')}"`);
      const nullCount = Number(found?.get('null_count') ?? 0);
      const containsNan = found?.get('has_nan') === 'true';
      const counts = { valueCount: times * (rows - nullCount), nullCount: times * nullCount };
      this.addPart(column, { ...counts, containsNan, ...bounds(column, found) });
    }
  }

  finish(): FileColumnStats[] {
    return this.#columns.flatMap(({ name }) => this.#merged.get(name) ?? []);
  }

  addPart(column: StoredColumn, part: Omit<FileColumnStats, 'fieldId'>): void {
    const { name, type } = column;
    const hasBounds = part.min !== undefined && !hasNul(part.min) && !hasNul(part.max!);
    if (part.valueCount > 0 && !hasBounds && !part.containsNan) this.#unknown.add(name);
    const before = this.#merged.get(name);
    const min = this.#unknown.has(name) ? undefined : first(before?.min, part.min, (a, b) => isLess(a, b, type));
    const max = this.#unknown.has(name) ? undefined : first(before?.max, part.max, (a, b) => isLess(b, a, type));
    this.#merged.set(name, {
      fieldId: this.#fieldIdOf(column),
      valueCount: (before?.valueCount ?? 0) + part.valueCount,
      nullCount: (before?.nullCount ?? 0) + part.nullCount,
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max }),
      ...(type === 'float64' && { containsNan: before?.containsNan === true || part.containsNan === true }),
    });
  }
}

/** PostgreSQL has no text with it. */
function hasNul(text: string): boolean {
  return text.includes('\0');
}

function bounds(
  { type }: StoredColumn,
  found: ReadonlyMap<string, string> | undefined,
): { readonly min?: string; readonly max?: string } {
  const min = found?.get('min');
  const max = found?.get('max');
  if (min === undefined || max === undefined) return {};
  return type === 'timestamp_ns' ? { min: nineDigits(min), max: nineDigits(max) } : { min, max };
}

/** `2026-01-02 03:04:05.1` → `2026-01-02 03:04:05.100000000`: so texts compare as the times do. */
function nineDigits(time: string): string {
  const [seconds, fraction = ''] = time.split('.');
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}

function first(
  a: string | undefined,
  b: string | undefined,
  isBefore: (a: string, b: string) => boolean,
): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isBefore(b, a) ? b : a;
}
