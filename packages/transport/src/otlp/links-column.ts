import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ColumnSet } from './column-set.ts';
import { ByteRange } from './fields.ts';
import { Int32Column } from './fixed-columns.ts';
import { linkedIdProblem, SPAN_ID_BYTES, TRACE_ID_BYTES } from './ids.ts';
import { ListColumn } from './list-column.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

const EXPECTED_LINKS = 64;

/** The links of the spans. */
export class LinksColumn extends ListColumn {
  readonly #context: BatchContext;
  readonly #traceId: TextColumn;
  readonly #spanId: TextColumn;
  readonly #traceState: TextColumn;
  readonly #attributes: AttributesColumn;
  readonly #droppedAttributes: Int32Column;
  readonly #flags: Int32Column;
  readonly #traceIdRange: ByteRange = new ByteRange();
  readonly #spanIdRange: ByteRange = new ByteRange();
  readonly #traceStateRange: ByteRange = new ByteRange();

  constructor(context: BatchContext, capacity: number) {
    const { memory } = context;
    const traceId = new TextColumn(memory, EXPECTED_LINKS, EXPECTED_LINKS * 32);
    const spanId = new TextColumn(memory, EXPECTED_LINKS, EXPECTED_LINKS * 16);
    const traceState = new TextColumn(memory, EXPECTED_LINKS, EXPECTED_LINKS);
    const attributes = new AttributesColumn(context, EXPECTED_LINKS, 4);
    const dropped = new Int32Column(memory, EXPECTED_LINKS, { unsigned: true });
    const flags = new Int32Column(memory, EXPECTED_LINKS, { unsigned: true });
    const items = new ColumnSet(EXPECTED_LINKS, [traceId, spanId, traceState, attributes, dropped, flags]);
    super(memory, capacity, items, 'structs');
    this.#context = context;
    this.#traceId = traceId;
    this.#spanId = spanId;
    this.#traceState = traceState;
    this.#attributes = attributes;
    this.#droppedAttributes = dropped;
    this.#flags = flags;
  }

  /** Reads one length-delimited link into the row that is being written. */
  read(): void {
    const { reader } = this.#context;
    const outer = reader.enter();
    const item = this.items.nextRow();
    this.#droppedAttributes.values[item] = 0;
    this.#flags.values[item] = 0;
    this.#traceIdRange.clear();
    this.#spanIdRange.clear();
    this.#traceStateRange.clear();
    while (reader.at < reader.end) this.#readField(reader, item);
    this.#checkId('links.trace_id', this.#traceIdRange, TRACE_ID_BYTES);
    this.#checkId('links.span_id', this.#spanIdRange, SPAN_ID_BYTES);
    this.#traceId.setHex(item, reader.bytes, this.#traceIdRange);
    this.#spanId.setHex(item, reader.bytes, this.#spanIdRange);
    this.#traceState.set(item, reader, this.#traceStateRange);
    this.#attributes.end(item);
    this.items.length = item + 1;
    reader.leave(outer);
  }

  #readField(reader: WireReader, item: number): void {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        this.#traceIdRange.read(reader);
        break;
      case 0x12:
        this.#spanIdRange.read(reader);
        break;
      case 0x1a:
        this.#traceStateRange.read(reader);
        break;
      case 0x22:
        this.#attributes.read(reader);
        break;
      case 0x28:
        this.#droppedAttributes.values[item] = reader.varint32();
        break;
      case 0x35:
        this.#flags.values[item] = reader.fixed32();
        break;
      default:
        reader.skip(tag);
    }
  }

  #checkId(field: string, id: ByteRange, wanted: number): void {
    const problem = linkedIdProblem(id, wanted);
    if (problem === '') return;
    this.#context.rejections.reject('span', field, problem);
    id.clear();
  }
}
