import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ColumnSet } from './column-set.ts';
import { ByteRange, Int64, TIME_PROBLEM } from './fields.ts';
import { Int32Column, Int64Column } from './fixed-columns.ts';
import { ListColumn } from './list-column.ts';
import { TextColumn } from './text-column.ts';

const EXPECTED_EVENTS = 256;

/** The events of the spans. */
export class EventsColumn extends ListColumn {
  readonly #context: BatchContext;
  readonly #timestamp: Int64Column;
  readonly #name: TextColumn;
  readonly #attributes: AttributesColumn;
  readonly #droppedAttributes: Int32Column;
  readonly #time: Int64 = new Int64();
  readonly #nameRange: ByteRange = new ByteRange();

  constructor(context: BatchContext, capacity: number) {
    const { memory } = context;
    const timestamp = new Int64Column(memory, EXPECTED_EVENTS, 'int64');
    const name = new TextColumn(memory, EXPECTED_EVENTS, EXPECTED_EVENTS * 16);
    const attributes = new AttributesColumn(context, EXPECTED_EVENTS, 4);
    const droppedAttributes = new Int32Column(memory, EXPECTED_EVENTS, { unsigned: true });
    const items = new ColumnSet(EXPECTED_EVENTS, [timestamp, name, attributes, droppedAttributes]);
    super(memory, capacity, items, 'structs');
    this.#context = context;
    this.#timestamp = timestamp;
    this.#name = name;
    this.#attributes = attributes;
    this.#droppedAttributes = droppedAttributes;
  }

  /** Reads one length-delimited event into the row that is being written. */
  read(): void {
    const { reader } = this.#context;
    const outer = reader.enter();
    const item = this.items.nextRow();
    let dropped = 0;
    this.#time.clear();
    this.#nameRange.clear();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x09:
          this.#time.readFixed(reader);
          break;
        case 0x12:
          this.#nameRange.read(reader);
          break;
        case 0x1a:
          this.#attributes.read(reader);
          break;
        case 0x20:
          dropped = reader.varint32();
          break;
        default:
          reader.skip(tag);
      }
    }
    if (!this.#time.isTime) this.#context.rejections.reject('span', 'events.time_unix_nano', TIME_PROBLEM);
    this.#timestamp.set(item, this.#time.lo, this.#time.hi);
    this.#name.set(item, reader, this.#nameRange);
    this.#attributes.end(item);
    this.#droppedAttributes.values[item] = dropped;
    this.items.length = item + 1;
    reader.leave(outer);
  }
}
