import { AnyValueText } from './any-value-text.ts';
import { AttributeKeys } from './attribute-keys.ts';
import { BatchMemory } from './batch-memory.ts';
import { Rejections } from './rejections.ts';
import { WireReader } from './wire.ts';

/** What the parts of one batch share. */
export class BatchContext {
  readonly memory: BatchMemory = new BatchMemory();
  readonly reader: WireReader = new WireReader();
  readonly keys: AttributeKeys = new AttributeKeys(this.memory);
  readonly valueText: AnyValueText = new AnyValueText(this.reader);
  readonly rejections: Rejections = new Rejections();
  /** What the rows' groups take with a value a row, as files and results have them. */
  expandedBytes = 0;
  /** The key number of `service.name`: known from the start, and no row has to look it up. */
  readonly serviceNameKey: number;

  constructor() {
    const { reader } = this;
    reader.open(new TextEncoder().encode('service.name'));
    this.serviceNameKey = this.keys.numberOf(reader, 0, reader.end, 0);
  }
}
