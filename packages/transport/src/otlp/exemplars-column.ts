import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ColumnSet } from './column-set.ts';
import { ByteRange, Int64, TIME_PROBLEM } from './fields.ts';
import { Int64Column, Nullable } from './fixed-columns.ts';
import { optionalIdProblem, SPAN_ID_BYTES, setOptionalId, TRACE_ID_BYTES } from './ids.ts';
import { ListColumn } from './list-column.ts';
import { NumberValue } from './number-value.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

const EXPECTED_EXEMPLARS = 64;

/** The exemplars of the data points. */
export class ExemplarsColumn extends ListColumn {
  readonly #context: BatchContext;
  readonly #timestamp: Int64Column;
  readonly #value: Int64Column;
  readonly #valueInt: Nullable<Int64Column>;
  readonly #traceId: Nullable<TextColumn>;
  readonly #spanId: Nullable<TextColumn>;
  readonly #attributes: AttributesColumn;
  readonly #time: Int64 = new Int64();
  readonly #number: NumberValue = new NumberValue();
  readonly #traceIdRange: ByteRange = new ByteRange();
  readonly #spanIdRange: ByteRange = new ByteRange();

  constructor(context: BatchContext, capacity: number) {
    const { memory } = context;
    const expected = EXPECTED_EXEMPLARS;
    const timestamp = new Int64Column(memory, expected, 'int64');
    const value = new Int64Column(memory, expected, 'float64');
    const valueInt = new Nullable(memory, expected, new Int64Column(memory, expected, 'int64'));
    const traceId = new Nullable(memory, expected, new TextColumn(memory, expected, expected * 32));
    const spanId = new Nullable(memory, expected, new TextColumn(memory, expected, expected * 16));
    const attributes = new AttributesColumn(context, expected, 2);
    const items = new ColumnSet(expected, [timestamp, value, valueInt, traceId, spanId, attributes]);
    super(memory, capacity, items, 'structs');
    this.#context = context;
    this.#timestamp = timestamp;
    this.#value = value;
    this.#valueInt = valueInt;
    this.#traceId = traceId;
    this.#spanId = spanId;
    this.#attributes = attributes;
  }

  /** Reads one length-delimited exemplar into the row that is being written. */
  read(): void {
    const { reader, rejections } = this.#context;
    const outer = reader.enter();
    const item = this.items.nextRow();
    this.#time.clear();
    this.#number.clear();
    this.#traceIdRange.clear();
    this.#spanIdRange.clear();
    while (reader.at < reader.end) this.#readField(reader);
    reader.leave(outer);
    this.#checkId('exemplars.trace_id', this.#traceIdRange, TRACE_ID_BYTES);
    this.#checkId('exemplars.span_id', this.#spanIdRange, SPAN_ID_BYTES);
    if (!this.#time.isTime) rejections.reject('data point', 'exemplars.time_unix_nano', TIME_PROBLEM);
    this.#write(item, reader.bytes);
    this.items.length = item + 1;
  }

  #readField(reader: WireReader): void {
    const tag = reader.tag();
    switch (tag) {
      case 0x11:
        this.#time.readFixed(reader);
        break;
      case 0x19:
        this.#number.readDouble(reader);
        break;
      case 0x22:
        this.#spanIdRange.read(reader);
        break;
      case 0x2a:
        this.#traceIdRange.read(reader);
        break;
      case 0x31:
        this.#number.readInt(reader);
        break;
      case 0x3a:
        this.#attributes.read(reader);
        break;
      default:
        reader.skip(tag);
    }
  }

  #checkId(field: string, id: ByteRange, wanted: number): void {
    const problem = optionalIdProblem(id, wanted);
    if (problem === '') return;
    this.#context.rejections.reject('data point', field, problem);
    id.clear();
  }

  #write(item: number, bytes: Uint8Array): void {
    this.#timestamp.set(item, this.#time.lo, this.#time.hi);
    this.#number.writeInt(this.#valueInt, item);
    // The column takes no NULL, and an exemplar without a value did not measure zero.
    if (this.#number.kind === 'none') this.#value.setDouble(item, Number.NaN);
    else this.#number.writeDouble(this.#value, item);
    setOptionalId(this.#traceId, item, bytes, this.#traceIdRange);
    setOptionalId(this.#spanId, item, bytes, this.#spanIdRange);
    this.#attributes.end(item);
  }
}
