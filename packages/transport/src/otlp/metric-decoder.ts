import type { ColumnData } from '@openwit/ports';
import type { BatchContext } from './batch-context.ts';
import type { ColumnSet } from './column-set.ts';
import { TIME_PROBLEM } from './fields.ts';
import { METRIC_DATA, MetricGroup } from './metric-group.ts';
import type { Origin } from './origin.ts';
import { PointColumns } from './point-columns.ts';
import { readExponentialHistogramField, readHistogramField, readNumberField, readSummaryField } from './points.ts';
import type { RecordDecoder } from './record-decoder.ts';
import type { WireReader } from './wire.ts';

/** Metrics into the columns of the table `metrics`, one row a data point. */
export class MetricDecoder implements RecordDecoder {
  readonly rows: ColumnSet;
  readonly groups: MetricGroup;
  readonly #context: BatchContext;
  readonly #columns: PointColumns;

  constructor(context: BatchContext, origin: Origin, capacity: number) {
    this.#context = context;
    this.groups = new MetricGroup(context);
    this.#columns = new PointColumns(context, origin, this.groups, capacity);
    this.rows = this.#columns.rows;
  }

  /** The type and the temporality, which may stand behind the points, are read first. */
  decode(): void {
    const { reader } = this.#context;
    const outer = reader.enter();
    const metric = this.groups.entryOf(reader);
    const { dataTag, dataFrom } = this.groups;
    const rowsBefore = this.rows.length;
    while (reader.at < reader.end) {
      const start = reader.at;
      const tag = reader.tag();
      if (tag === dataTag && start >= dataFrom) this.#readPoints(metric, dataTag);
      else reader.skip(tag);
    }
    this.#context.expandedBytes += (this.rows.length - rowsBefore) * this.groups.lastBytes;
    reader.leave(outer);
  }

  #readPoints(metric: number, dataTag: number): void {
    const { reader } = this.#context;
    const outer = reader.enter();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#readPoint(metric, dataTag);
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readPoint(metric: number, dataTag: number): void {
    const { reader, rejections } = this.#context;
    const row = this.rows.nextRow();
    const outer = reader.enter();
    this.#readFields(reader, dataTag);
    reader.leave(outer);
    this.#check(row);
    if (rejections.endRecord()) {
      this.rows.truncate(row);
      return;
    }
    this.#columns.write(row, metric);
    this.rows.length = row + 1;
  }

  /** Fields that a type of point has, and that are not optional in its message, are zero when absent and not NULL. */
  #readFields(reader: WireReader, dataTag: number): void {
    const columns = this.#columns;
    const { point } = columns;
    point.clear();
    switch (dataTag) {
      case METRIC_DATA.histogram:
        point.count.isSet = true;
        while (reader.at < reader.end) readHistogramField(reader, columns);
        return;
      case METRIC_DATA.exponentialHistogram:
        point.count.isSet = true;
        point.scale = 0;
        point.zeroCount.isSet = true;
        point.zeroThreshold.isSet = true;
        while (reader.at < reader.end) readExponentialHistogramField(reader, columns);
        return;
      case METRIC_DATA.summary:
        point.count.isSet = true;
        point.sum.isSet = true;
        while (reader.at < reader.end) readSummaryField(reader, columns);
        return;
      default:
        while (reader.at < reader.end) readNumberField(reader, columns);
    }
  }

  #check(row: number): void {
    const { point, bucketCounts, explicitBounds } = this.#columns;
    if (!point.time.isTime) this.#reject('time_unix_nano', TIME_PROBLEM);
    if (!point.start.isTime) this.#reject('start_time_unix_nano', TIME_PROBLEM);
    const counts = bucketCounts.itemsIn(row);
    const bounds = explicitBounds.itemsIn(row);
    if (counts > 0 && bounds > 0 && counts !== bounds + 1) {
      this.#reject('bucket_counts', `has ${counts} elements for ${bounds} explicit bounds instead of ${bounds + 1}`);
    }
  }

  #reject(field: string, problem: string): void {
    this.#context.rejections.reject('data point', field, problem);
  }

  columns(): ColumnData[] {
    return this.#columns.columns();
  }
}
