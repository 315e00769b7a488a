import type { ColumnData } from '@openwit/ports';
import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ColumnSet } from './column-set.ts';
import { ExemplarsColumn } from './exemplars-column.ts';
import { Int64, OptionalInt64 } from './fields.ts';
import { Int32Column, Int64Column, Nullable, setOptionalInt64 } from './fixed-columns.ts';
import type { MetricGroup } from './metric-group.ts';
import { NumberListColumn } from './number-list-column.ts';
import { NumberValue } from './number-value.ts';
import type { Origin } from './origin.ts';
import { grouped } from './origin.ts';
import { QuantilesColumn } from './quantiles-column.ts';

/** The scalar fields of the data point that is being read, of all types of points together. */
export class PointFields {
  readonly start: Int64 = new Int64();
  readonly time: Int64 = new Int64();
  readonly value: NumberValue = new NumberValue();
  readonly count: OptionalInt64 = new OptionalInt64();
  readonly sum: OptionalInt64 = new OptionalInt64();
  readonly min: OptionalInt64 = new OptionalInt64();
  readonly max: OptionalInt64 = new OptionalInt64();
  readonly zeroCount: OptionalInt64 = new OptionalInt64();
  readonly zeroThreshold: OptionalInt64 = new OptionalInt64();
  /** `undefined`: the type of the point, or the point, has no such field. */
  scale: number | undefined;
  positiveOffset: number | undefined;
  negativeOffset: number | undefined;
  flags = 0;

  clear(): void {
    this.start.clear();
    this.time.clear();
    this.value.clear();
    this.count.clear();
    this.sum.clear();
    this.min.clear();
    this.max.clear();
    this.zeroCount.clear();
    this.zeroThreshold.clear();
    this.scale = undefined;
    this.positiveOffset = undefined;
    this.negativeOffset = undefined;
    this.flags = 0;
  }
}

/** The columns of the table `metrics`. Lists and attributes are read straight into them, scalars by way of `point`. */
export class PointColumns {
  readonly rows: ColumnSet;
  readonly point: PointFields = new PointFields();
  readonly attributes: AttributesColumn;
  readonly bucketCounts: NumberListColumn;
  readonly explicitBounds: NumberListColumn;
  readonly positiveCounts: NumberListColumn;
  readonly negativeCounts: NumberListColumn;
  readonly quantiles: QuantilesColumn;
  readonly exemplars: ExemplarsColumn;
  readonly #origin: Origin;
  readonly #metrics: MetricGroup;
  readonly #metricOf: Int32Column;
  readonly #timestamp: Int64Column;
  readonly #startTimestamp: Nullable<Int64Column>;
  readonly #value: Nullable<Int64Column>;
  readonly #valueInt: Nullable<Int64Column>;
  readonly #count: Nullable<Int64Column>;
  readonly #sum: Nullable<Int64Column>;
  readonly #min: Nullable<Int64Column>;
  readonly #max: Nullable<Int64Column>;
  readonly #scale: Nullable<Int32Column>;
  readonly #zeroCount: Nullable<Int64Column>;
  readonly #zeroThreshold: Nullable<Int64Column>;
  readonly #positiveOffset: Nullable<Int32Column>;
  readonly #negativeOffset: Nullable<Int32Column>;
  readonly #flags: Int32Column;

  constructor(context: BatchContext, origin: Origin, metrics: MetricGroup, capacity: number) {
    const { memory } = context;
    const nullable64 = (type: 'int64' | 'uint64' | 'float64') =>
      new Nullable(memory, capacity, new Int64Column(memory, capacity, type));
    const nullable32 = () => new Nullable(memory, capacity, new Int32Column(memory, capacity));
    this.#origin = origin;
    this.#metrics = metrics;
    this.#metricOf = new Int32Column(memory, capacity);
    this.#timestamp = new Int64Column(memory, capacity, 'int64');
    this.#startTimestamp = nullable64('int64');
    this.#value = nullable64('float64');
    this.#valueInt = nullable64('int64');
    this.#count = nullable64('uint64');
    this.#sum = nullable64('float64');
    this.#min = nullable64('float64');
    this.#max = nullable64('float64');
    this.bucketCounts = new NumberListColumn(memory, capacity, 'uint64');
    this.explicitBounds = new NumberListColumn(memory, capacity, 'float64');
    this.#scale = nullable32();
    this.#zeroCount = nullable64('uint64');
    this.#zeroThreshold = nullable64('float64');
    this.#positiveOffset = nullable32();
    this.positiveCounts = new NumberListColumn(memory, capacity, 'uint64');
    this.#negativeOffset = nullable32();
    this.negativeCounts = new NumberListColumn(memory, capacity, 'uint64');
    this.quantiles = new QuantilesColumn(memory, capacity);
    this.exemplars = new ExemplarsColumn(context, capacity);
    this.#flags = new Int32Column(memory, capacity, { unsigned: true });
    this.attributes = new AttributesColumn(context, capacity, 4);
    this.rows = new ColumnSet(capacity, [
      this.#metricOf,
      origin.resourceOf,
      origin.scopeOf,
      this.#timestamp,
      this.#startTimestamp,
      this.#value,
      this.#valueInt,
      this.#count,
      this.#sum,
      this.#min,
      this.#max,
      this.bucketCounts,
      this.explicitBounds,
      this.#scale,
      this.#zeroCount,
      this.#zeroThreshold,
      this.#positiveOffset,
      this.positiveCounts,
      this.#negativeOffset,
      this.negativeCounts,
      this.quantiles,
      this.exemplars,
      this.#flags,
      this.attributes,
    ]);
  }

  /** Writes the row of the point that was read. */
  write(row: number, metric: number): void {
    const { point } = this;
    this.#metricOf.values[row] = metric;
    this.#origin.set(row);
    this.#timestamp.set(row, point.time.lo, point.time.hi);
    this.#startTimestamp.column.set(row, point.start.lo, point.start.hi);
    this.#startTimestamp.setValid(row, !point.start.isZero);
    point.value.writeDouble(this.#value.column, row);
    this.#value.setValid(row, point.value.kind !== 'none');
    point.value.writeInt(this.#valueInt, row);
    setOptionalInt64(this.#count, row, point.count);
    setOptionalInt64(this.#sum, row, point.sum);
    setOptionalInt64(this.#min, row, point.min);
    setOptionalInt64(this.#max, row, point.max);
    this.bucketCounts.end(row);
    this.explicitBounds.end(row);
    setOptionalInt32(this.#scale, row, point.scale);
    setOptionalInt64(this.#zeroCount, row, point.zeroCount);
    setOptionalInt64(this.#zeroThreshold, row, point.zeroThreshold);
    setOptionalInt32(this.#positiveOffset, row, point.positiveOffset);
    this.positiveCounts.end(row);
    setOptionalInt32(this.#negativeOffset, row, point.negativeOffset);
    this.negativeCounts.end(row);
    this.quantiles.end(row);
    this.exemplars.end(row);
    this.#flags.values[row] = point.flags;
    this.attributes.end(row);
  }

  /** In the order of `TABLES.metrics`. */
  columns(): ColumnData[] {
    const rows = this.rows.length;
    const byMetric = (dictionary: ColumnData) => grouped(rows, this.#metricOf, dictionary);
    return [
      this.#timestamp.data(rows),
      this.#startTimestamp.data(rows),
      this.#origin.serviceName(rows),
      ...this.#metrics.describingData().map(byMetric),
      this.#value.data(rows),
      this.#valueInt.data(rows),
      this.#count.data(rows),
      this.#sum.data(rows),
      this.#min.data(rows),
      this.#max.data(rows),
      this.bucketCounts.data(rows),
      this.explicitBounds.data(rows),
      this.#scale.data(rows),
      this.#zeroCount.data(rows),
      this.#zeroThreshold.data(rows),
      this.#positiveOffset.data(rows),
      this.positiveCounts.data(rows),
      this.#negativeOffset.data(rows),
      this.negativeCounts.data(rows),
      this.quantiles.data(rows),
      this.exemplars.data(rows),
      this.#flags.data(rows),
      ...this.#origin.scopeColumns(rows),
      this.attributes.data(rows),
      ...this.#origin.resourceColumns(rows),
      byMetric(this.#metrics.metadataData()),
    ];
  }
}

function setOptionalInt32(column: Nullable<Int32Column>, row: number, value: number | undefined): void {
  column.column.values[row] = value ?? 0;
  column.setValid(row, value !== undefined);
}
