import type { NumberListColumn } from './number-list-column.ts';
import type { PointColumns } from './point-columns.ts';
import type { WireReader } from './wire.ts';

/** Reads one field of a data point of a gauge or a sum. */
export function readNumberField(reader: WireReader, columns: PointColumns): void {
  const { point } = columns;
  const tag = reader.tag();
  switch (tag) {
    case 0x11:
      point.start.readFixed(reader);
      break;
    case 0x19:
      point.time.readFixed(reader);
      break;
    case 0x21:
      point.value.readDouble(reader);
      break;
    case 0x2a:
      columns.exemplars.read();
      break;
    case 0x31:
      point.value.readInt(reader);
      break;
    case 0x3a:
      columns.attributes.read(reader);
      break;
    case 0x40:
      point.flags = reader.varint32();
      break;
    default:
      reader.skip(tag);
  }
}

/** Reads one field of a histogram's data point. */
export function readHistogramField(reader: WireReader, columns: PointColumns): void {
  const { point } = columns;
  const tag = reader.tag();
  switch (tag) {
    case 0x11:
      point.start.readFixed(reader);
      break;
    case 0x19:
      point.time.readFixed(reader);
      break;
    case 0x21:
      point.count.readFixed(reader);
      break;
    case 0x29:
      point.sum.readFixed(reader);
      break;
    case 0x31:
      columns.bucketCounts.readFixed(reader);
      break;
    case 0x32:
      columns.bucketCounts.readPackedFixed(reader);
      break;
    case 0x39:
      columns.explicitBounds.readFixed(reader);
      break;
    case 0x3a:
      columns.explicitBounds.readPackedFixed(reader);
      break;
    case 0x42:
      columns.exemplars.read();
      break;
    case 0x4a:
      columns.attributes.read(reader);
      break;
    case 0x50:
      point.flags = reader.varint32();
      break;
    case 0x59:
      point.min.readFixed(reader);
      break;
    case 0x61:
      point.max.readFixed(reader);
      break;
    default:
      reader.skip(tag);
  }
}

/** Reads one field of an exponential histogram's data point. */
export function readExponentialHistogramField(reader: WireReader, columns: PointColumns): void {
  const { point } = columns;
  const tag = reader.tag();
  switch (tag) {
    case 0x0a:
      columns.attributes.read(reader);
      break;
    case 0x11:
      point.start.readFixed(reader);
      break;
    case 0x19:
      point.time.readFixed(reader);
      break;
    case 0x21:
      point.count.readFixed(reader);
      break;
    case 0x29:
      point.sum.readFixed(reader);
      break;
    case 0x30:
      point.scale = reader.sint32();
      break;
    case 0x39:
      point.zeroCount.readFixed(reader);
      break;
    case 0x42:
      point.positiveOffset = readBuckets(reader, columns.positiveCounts, point.positiveOffset ?? 0);
      break;
    case 0x4a:
      point.negativeOffset = readBuckets(reader, columns.negativeCounts, point.negativeOffset ?? 0);
      break;
    case 0x50:
      point.flags = reader.varint32();
      break;
    case 0x5a:
      columns.exemplars.read();
      break;
    case 0x61:
      point.min.readFixed(reader);
      break;
    case 0x69:
      point.max.readFixed(reader);
      break;
    case 0x71:
      point.zeroThreshold.readFixed(reader);
      break;
    default:
      reader.skip(tag);
  }
}

/** Reads length-delimited buckets: the counts into `counts`, and returns the offset; `offset` when there is none. */
function readBuckets(reader: WireReader, counts: NumberListColumn, offset: number): number {
  const outer = reader.enter();
  let last = offset;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === 0x08) last = reader.sint32();
    else if (tag === 0x10) counts.readVarint(reader);
    else if (tag === 0x12) counts.readPackedVarint(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return last;
}

/** Reads one field of a summary's data point. */
export function readSummaryField(reader: WireReader, columns: PointColumns): void {
  const { point } = columns;
  const tag = reader.tag();
  switch (tag) {
    case 0x11:
      point.start.readFixed(reader);
      break;
    case 0x19:
      point.time.readFixed(reader);
      break;
    case 0x21:
      point.count.readFixed(reader);
      break;
    case 0x29:
      point.sum.readFixed(reader);
      break;
    case 0x32:
      columns.quantiles.read(reader);
      break;
    case 0x3a:
      columns.attributes.read(reader);
      break;
    case 0x40:
      point.flags = reader.varint32();
      break;
    default:
      reader.skip(tag);
  }
}
