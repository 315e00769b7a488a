import type { ColumnData } from '@openwit/ports';
import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ColumnSet } from './column-set.ts';
import { EventsColumn } from './events-column.ts';
import { ByteRange, Int64, TIME_PROBLEM } from './fields.ts';
import { Int32Column, Int64Column, Nullable } from './fixed-columns.ts';
import { optionalIdProblem, requiredIdProblem, SPAN_ID_BYTES, setOptionalId, TRACE_ID_BYTES } from './ids.ts';
import { LinksColumn } from './links-column.ts';
import type { Origin } from './origin.ts';
import type { RecordDecoder } from './record-decoder.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';
import { WordColumn } from './word-column.ts';

const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUS_CODES = ['UNSET', 'OK', 'ERROR'];

/** The fields of the span that is being read; a field that comes twice has its last value. */
class SpanFields {
  readonly traceId: ByteRange = new ByteRange();
  readonly spanId: ByteRange = new ByteRange();
  readonly parentSpanId: ByteRange = new ByteRange();
  readonly traceState: ByteRange = new ByteRange();
  readonly name: ByteRange = new ByteRange();
  readonly statusMessage: ByteRange = new ByteRange();
  readonly start: Int64 = new Int64();
  readonly end: Int64 = new Int64();
  flags = 0;
  kind = 0;
  statusCode = 0;
  droppedAttributes = 0;
  droppedEvents = 0;
  droppedLinks = 0;

  clear(): void {
    this.traceId.clear();
    this.spanId.clear();
    this.parentSpanId.clear();
    this.traceState.clear();
    this.name.clear();
    this.statusMessage.clear();
    this.start.clear();
    this.end.clear();
    this.flags = 0;
    this.kind = 0;
    this.statusCode = 0;
    this.droppedAttributes = 0;
    this.droppedEvents = 0;
    this.droppedLinks = 0;
  }
}

/** Spans into the columns of the table `traces`. */
export class SpanDecoder implements RecordDecoder {
  readonly rows: ColumnSet;
  readonly #context: BatchContext;
  readonly #origin: Origin;
  readonly #span: SpanFields = new SpanFields();
  readonly #timestamp: Int64Column;
  readonly #duration: Int64Column;
  readonly #traceId: TextColumn;
  readonly #spanId: TextColumn;
  readonly #parentSpanId: Nullable<TextColumn>;
  readonly #traceState: TextColumn;
  readonly #flags: Int32Column;
  readonly #name: TextColumn;
  readonly #kind: WordColumn;
  readonly #statusCode: WordColumn;
  readonly #statusMessage: TextColumn;
  readonly #attributes: AttributesColumn;
  readonly #events: EventsColumn;
  readonly #links: LinksColumn;
  readonly #droppedAttributes: Int32Column;
  readonly #droppedEvents: Int32Column;
  readonly #droppedLinks: Int32Column;

  constructor(context: BatchContext, origin: Origin, capacity: number) {
    const { memory } = context;
    const unsigned = { unsigned: true };
    this.#context = context;
    this.#origin = origin;
    this.#timestamp = new Int64Column(memory, capacity, 'int64');
    this.#duration = new Int64Column(memory, capacity, 'int64');
    this.#traceId = new TextColumn(memory, capacity, capacity * 32);
    this.#spanId = new TextColumn(memory, capacity, capacity * 16);
    this.#parentSpanId = new Nullable(memory, capacity, new TextColumn(memory, capacity, capacity * 16));
    this.#traceState = new TextColumn(memory, capacity, capacity * 8);
    this.#flags = new Int32Column(memory, capacity, unsigned);
    this.#name = new TextColumn(memory, capacity, capacity * 24);
    this.#kind = new WordColumn(memory, capacity, SPAN_KINDS);
    this.#statusCode = new WordColumn(memory, capacity, STATUS_CODES);
    this.#statusMessage = new TextColumn(memory, capacity, capacity * 8);
    this.#attributes = new AttributesColumn(context, capacity, 8);
    this.#events = new EventsColumn(context, capacity);
    this.#links = new LinksColumn(context, capacity);
    this.#droppedAttributes = new Int32Column(memory, capacity, unsigned);
    this.#droppedEvents = new Int32Column(memory, capacity, unsigned);
    this.#droppedLinks = new Int32Column(memory, capacity, unsigned);
    this.rows = new ColumnSet(capacity, [
      this.#timestamp,
      this.#duration,
      this.#traceId,
      this.#spanId,
      this.#parentSpanId,
      this.#traceState,
      this.#flags,
      origin.resourceOf,
      this.#name,
      this.#kind,
      this.#statusCode,
      this.#statusMessage,
      origin.scopeOf,
      this.#attributes,
      this.#events,
      this.#links,
      this.#droppedAttributes,
      this.#droppedEvents,
      this.#droppedLinks,
    ]);
  }

  decode(): void {
    const { reader, rejections } = this.#context;
    const row = this.rows.nextRow();
    const outer = reader.enter();
    this.#span.clear();
    while (reader.at < reader.end) this.#readField(reader);
    reader.leave(outer);
    this.#check(reader.bytes);
    if (rejections.endRecord()) {
      this.rows.truncate(row);
      return;
    }
    this.#write(row, reader);
    this.rows.length = row + 1;
  }

  #readField(reader: WireReader): void {
    const span = this.#span;
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        span.traceId.read(reader);
        break;
      case 0x12:
        span.spanId.read(reader);
        break;
      case 0x1a:
        span.traceState.read(reader);
        break;
      case 0x22:
        span.parentSpanId.read(reader);
        break;
      case 0x2a:
        span.name.read(reader);
        break;
      case 0x30:
        span.kind = reader.varint32();
        break;
      case 0x39:
        span.start.readFixed(reader);
        break;
      case 0x41:
        span.end.readFixed(reader);
        break;
      case 0x4a:
        this.#attributes.read(reader);
        break;
      case 0x50:
        span.droppedAttributes = reader.varint32();
        break;
      case 0x5a:
        this.#events.read();
        break;
      case 0x60:
        span.droppedEvents = reader.varint32();
        break;
      case 0x6a:
        this.#links.read();
        break;
      case 0x70:
        span.droppedLinks = reader.varint32();
        break;
      case 0x7a:
        this.#readStatus(reader);
        break;
      case 0x85:
        span.flags = reader.fixed32();
        break;
      default:
        reader.skip(tag);
    }
  }

  /** A status that comes twice is merged: neither occurrence resets the fields that only the other has. */
  #readStatus(reader: WireReader): void {
    const outer = reader.enter();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x12) this.#span.statusMessage.read(reader);
      else if (tag === 0x18) this.#span.statusCode = reader.varint32();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #check(bytes: Uint8Array): void {
    const { traceId, spanId, parentSpanId, start, end } = this.#span;
    const traceIdProblem = requiredIdProblem(bytes, traceId, TRACE_ID_BYTES);
    if (traceIdProblem !== '') this.#reject('trace_id', traceIdProblem);
    const spanIdProblem = requiredIdProblem(bytes, spanId, SPAN_ID_BYTES);
    if (spanIdProblem !== '') this.#reject('span_id', spanIdProblem);
    const parentProblem = optionalIdProblem(parentSpanId, SPAN_ID_BYTES);
    if (parentProblem !== '') this.#reject('parent_span_id', parentProblem);
    if (!start.isTime) this.#reject('start_time_unix_nano', TIME_PROBLEM);
    if (!end.isTime) this.#reject('end_time_unix_nano', TIME_PROBLEM);
  }

  #reject(field: string, problem: string): void {
    this.#context.rejections.reject('span', field, problem);
  }

  #write(row: number, reader: WireReader): void {
    const { bytes } = reader;
    const span = this.#span;
    this.#timestamp.set(row, span.start.lo, span.start.hi);
    const borrow = span.end.lo >>> 0 < span.start.lo >>> 0 ? 1 : 0;
    this.#duration.set(row, (span.end.lo - span.start.lo) | 0, (span.end.hi - span.start.hi - borrow) | 0);
    this.#traceId.setHex(row, bytes, span.traceId);
    this.#spanId.setHex(row, bytes, span.spanId);
    setOptionalId(this.#parentSpanId, row, bytes, span.parentSpanId);
    this.#traceState.set(row, reader, span.traceState);
    this.#flags.values[row] = span.flags;
    this.#origin.set(row);
    this.#name.set(row, reader, span.name);
    // Enums are open in proto3: a number that a later version adds is not an error.
    this.#kind.values[row] = span.kind >>> 0 < SPAN_KINDS.length ? span.kind : 0;
    this.#statusCode.values[row] = span.statusCode >>> 0 < STATUS_CODES.length ? span.statusCode : 0;
    this.#statusMessage.set(row, reader, span.statusMessage);
    this.#attributes.end(row);
    this.#events.end(row);
    this.#links.end(row);
    this.#droppedAttributes.values[row] = span.droppedAttributes;
    this.#droppedEvents.values[row] = span.droppedEvents;
    this.#droppedLinks.values[row] = span.droppedLinks;
  }

  columns(): ColumnData[] {
    const rows = this.rows.length;
    return [
      this.#timestamp.data(rows),
      this.#duration.data(rows),
      this.#traceId.data(rows),
      this.#spanId.data(rows),
      this.#parentSpanId.data(rows),
      this.#traceState.data(rows),
      this.#flags.data(rows),
      this.#origin.serviceName(rows),
      this.#name.data(rows),
      this.#kind.data(rows),
      this.#statusCode.data(rows),
      this.#statusMessage.data(rows),
      ...this.#origin.scopeColumns(rows),
      this.#attributes.data(rows),
      ...this.#origin.resourceColumns(rows),
      this.#events.data(rows),
      this.#links.data(rows),
      this.#droppedAttributes.data(rows),
      this.#droppedEvents.data(rows),
      this.#droppedLinks.data(rows),
    ];
  }
}
