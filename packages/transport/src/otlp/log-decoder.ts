import { ATTRIBUTE_TYPES, type ColumnData } from '@openwit/ports';
import { AnyValue, VALUE_TYPE } from './any-value.ts';
import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ColumnSet } from './column-set.ts';
import { ByteRange, Int64, TIME_PROBLEM } from './fields.ts';
import { Int32Column, Int64Column, Nullable } from './fixed-columns.ts';
import { optionalIdProblem, SPAN_ID_BYTES, setOptionalId, TRACE_ID_BYTES } from './ids.ts';
import type { Origin } from './origin.ts';
import type { RecordDecoder } from './record-decoder.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';
import { WordColumn } from './word-column.ts';

/** The fields of the log record that is being read; a field that comes twice has its last value. */
class LogFields {
  readonly time: Int64 = new Int64();
  readonly observedTime: Int64 = new Int64();
  readonly traceId: ByteRange = new ByteRange();
  readonly spanId: ByteRange = new ByteRange();
  readonly severityText: ByteRange = new ByteRange();
  readonly eventName: ByteRange = new ByteRange();
  readonly body: AnyValue = new AnyValue();
  severityNumber = 0;
  flags = 0;
  droppedAttributes = 0;

  clear(): void {
    this.time.clear();
    this.observedTime.clear();
    this.traceId.clear();
    this.spanId.clear();
    this.severityText.clear();
    this.eventName.clear();
    this.body.clear();
    this.severityNumber = 0;
    this.flags = 0;
    this.droppedAttributes = 0;
  }
}

/** Log records into the columns of the table `logs`. */
export class LogDecoder implements RecordDecoder {
  readonly rows: ColumnSet;
  readonly #context: BatchContext;
  readonly #origin: Origin;
  readonly #log: LogFields = new LogFields();
  readonly #timestamp: Int64Column;
  readonly #observedTimestamp: Nullable<Int64Column>;
  readonly #traceId: Nullable<TextColumn>;
  readonly #spanId: Nullable<TextColumn>;
  readonly #flags: Int32Column;
  readonly #severityNumber: Int32Column;
  readonly #severityText: TextColumn;
  readonly #eventName: TextColumn;
  readonly #body: Nullable<TextColumn>;
  readonly #attributes: AttributesColumn;
  readonly #droppedAttributes: Int32Column;
  readonly #bodyType: WordColumn;

  constructor(context: BatchContext, origin: Origin, capacity: number) {
    const { memory } = context;
    this.#context = context;
    this.#origin = origin;
    this.#timestamp = new Int64Column(memory, capacity, 'int64');
    this.#observedTimestamp = new Nullable(memory, capacity, new Int64Column(memory, capacity, 'int64'));
    this.#traceId = new Nullable(memory, capacity, new TextColumn(memory, capacity, capacity * 32));
    this.#spanId = new Nullable(memory, capacity, new TextColumn(memory, capacity, capacity * 16));
    this.#flags = new Int32Column(memory, capacity, { unsigned: true });
    this.#severityNumber = new Int32Column(memory, capacity);
    this.#severityText = new TextColumn(memory, capacity, capacity * 8);
    this.#eventName = new TextColumn(memory, capacity, capacity * 8);
    this.#body = new Nullable(memory, capacity, new TextColumn(memory, capacity, capacity * 128));
    this.#attributes = new AttributesColumn(context, capacity, 4);
    this.#droppedAttributes = new Int32Column(memory, capacity, { unsigned: true });
    this.#bodyType = new WordColumn(memory, capacity, ATTRIBUTE_TYPES);
    this.rows = new ColumnSet(capacity, [
      this.#timestamp,
      this.#observedTimestamp,
      this.#traceId,
      this.#spanId,
      this.#flags,
      origin.resourceOf,
      this.#severityNumber,
      this.#severityText,
      this.#eventName,
      this.#body,
      origin.scopeOf,
      this.#attributes,
      this.#droppedAttributes,
      this.#bodyType,
    ]);
  }

  decode(): void {
    const { reader, rejections } = this.#context;
    const row = this.rows.nextRow();
    const outer = reader.enter();
    this.#log.clear();
    while (reader.at < reader.end) this.#readField(reader);
    reader.leave(outer);
    this.#check();
    if (rejections.endRecord()) {
      this.rows.truncate(row);
      return;
    }
    this.#write(row, reader);
    this.rows.length = row + 1;
  }

  #readField(reader: WireReader): void {
    const log = this.#log;
    const tag = reader.tag();
    switch (tag) {
      case 0x09:
        log.time.readFixed(reader);
        break;
      case 0x10:
        log.severityNumber = reader.varint32();
        break;
      case 0x1a:
        log.severityText.read(reader);
        break;
      case 0x2a:
        log.body.read(reader);
        break;
      case 0x32:
        this.#attributes.read(reader);
        break;
      case 0x38:
        log.droppedAttributes = reader.varint32();
        break;
      case 0x45:
        log.flags = reader.fixed32();
        break;
      case 0x4a:
        log.traceId.read(reader);
        break;
      case 0x52:
        log.spanId.read(reader);
        break;
      case 0x59:
        log.observedTime.readFixed(reader);
        break;
      case 0x62:
        log.eventName.read(reader);
        break;
      default:
        reader.skip(tag);
    }
  }

  #check(): void {
    const { time, observedTime, traceId, spanId } = this.#log;
    const traceIdProblem = optionalIdProblem(traceId, TRACE_ID_BYTES);
    if (traceIdProblem !== '') this.#reject('trace_id', traceIdProblem);
    const spanIdProblem = optionalIdProblem(spanId, SPAN_ID_BYTES);
    if (spanIdProblem !== '') this.#reject('span_id', spanIdProblem);
    if (!time.isTime) this.#reject('time_unix_nano', TIME_PROBLEM);
    if (!observedTime.isTime) this.#reject('observed_time_unix_nano', TIME_PROBLEM);
  }

  #reject(field: string, problem: string): void {
    this.#context.rejections.reject('log record', field, problem);
  }

  #write(row: number, reader: WireReader): void {
    const { bytes } = reader;
    const log = this.#log;
    // "Use Timestamp if it is present, otherwise use ObservedTimestamp" (the logs data model).
    const time = log.time.isZero ? log.observedTime : log.time;
    this.#timestamp.set(row, time.lo, time.hi);
    this.#observedTimestamp.column.set(row, log.observedTime.lo, log.observedTime.hi);
    this.#observedTimestamp.setValid(row, !log.observedTime.isZero);
    setOptionalId(this.#traceId, row, bytes, log.traceId);
    setOptionalId(this.#spanId, row, bytes, log.spanId);
    this.#flags.values[row] = log.flags;
    this.#origin.set(row);
    this.#severityNumber.values[row] = log.severityNumber;
    this.#severityText.set(row, reader, log.severityText);
    this.#eventName.set(row, reader, log.eventName);
    this.#writeBody(row);
    this.#attributes.end(row);
    this.#droppedAttributes.values[row] = log.droppedAttributes;
  }

  #writeBody(row: number): void {
    const { body } = this.#log;
    this.#body.setValid(row, body.type !== VALUE_TYPE.empty);
    this.#context.valueText.write(this.#body.column, body);
    this.#body.column.end(row);
    this.#bodyType.values[row] = body.type;
  }

  columns(): ColumnData[] {
    const rows = this.rows.length;
    return [
      this.#timestamp.data(rows),
      this.#observedTimestamp.data(rows),
      this.#traceId.data(rows),
      this.#spanId.data(rows),
      this.#flags.data(rows),
      this.#origin.serviceName(rows),
      this.#severityNumber.data(rows),
      this.#severityText.data(rows),
      this.#eventName.data(rows),
      this.#body.data(rows),
      ...this.#origin.scopeColumns(rows),
      this.#attributes.data(rows),
      ...this.#origin.resourceColumns(rows),
      this.#droppedAttributes.data(rows),
      this.#bodyType.data(rows),
    ];
  }
}
