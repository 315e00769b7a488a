import type { ColumnData } from '@openwit/ports';
import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ByteDictionary } from './byte-dictionary.ts';
import { ColumnSet } from './column-set.ts';
import { ByteRange } from './fields.ts';
import { ByteColumn, Nullable } from './fixed-columns.ts';
import { Identity } from './identity.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

const EXPECTED_METRICS = 256;

/** The tags of a metric's data: a oneof. */
export const METRIC_DATA = {
  gauge: 0x2a,
  sum: 0x3a,
  histogram: 0x4a,
  exponentialHistogram: 0x52,
  summary: 0x5a,
} as const;

const TYPE_WORDS: Readonly<Record<number, string>> = {
  [METRIC_DATA.gauge]: 'gauge',
  [METRIC_DATA.sum]: 'sum',
  [METRIC_DATA.histogram]: 'histogram',
  [METRIC_DATA.exponentialHistogram]: 'exponential_histogram',
  [METRIC_DATA.summary]: 'summary',
};

const TEMPORALITIES: readonly string[] = ['unspecified', 'delta', 'cumulative'];

/** What the data points of one metric share. Equal metrics are one entry, over requests too. */
export class MetricGroup {
  /** The tag of the data of the metric that was read last; 0 when it has none. */
  dataTag = 0;
  /** Where that data starts: of an earlier one of another type in the same metric nothing is kept. */
  dataFrom = 0;
  readonly #identities: ByteDictionary;
  readonly #identity: Identity = new Identity();
  readonly #entries: ColumnSet;
  readonly #name: TextColumn;
  readonly #description: TextColumn;
  readonly #unit: TextColumn;
  readonly #type: TextColumn;
  readonly #temporality: Nullable<TextColumn>;
  readonly #isMonotonic: Nullable<ByteColumn>;
  readonly #metadata: AttributesColumn;
  readonly #nameRange: ByteRange = new ByteRange();
  readonly #descriptionRange: ByteRange = new ByteRange();
  readonly #unitRange: ByteRange = new ByteRange();
  readonly #metadataRange: ByteRange = new ByteRange();
  #temporalityNumber = 0;
  #isMonotonicSum = false;

  constructor(context: BatchContext) {
    const { memory } = context;
    const capacity = EXPECTED_METRICS;
    this.#identities = new ByteDictionary(memory, capacity, capacity * 96);
    this.#name = new TextColumn(memory, capacity, capacity * 32);
    this.#description = new TextColumn(memory, capacity, capacity * 32);
    this.#unit = new TextColumn(memory, capacity, capacity * 8);
    this.#type = new TextColumn(memory, capacity, capacity * 12);
    this.#temporality = new Nullable(memory, capacity, new TextColumn(memory, capacity, capacity * 12));
    this.#isMonotonic = new Nullable(memory, capacity, new ByteColumn(memory, capacity));
    this.#metadata = new AttributesColumn(context, capacity, 1);
    this.#entries = new ColumnSet(capacity, [
      this.#name,
      this.#description,
      this.#unit,
      this.#type,
      this.#temporality,
      this.#isMonotonic,
      this.#metadata,
    ]);
  }

  /** The entry of the metric that ends at `reader.end`. Leaves the reader where it was. */
  entryOf(reader: WireReader): number {
    const start = reader.at;
    this.#readHeader(reader);
    reader.at = start;
    const known = this.length;
    const entry = this.#identities.intern(this.#identity, 0, this.#identity.length);
    if (entry === known) {
      this.#add(entry, reader);
      reader.at = start;
    }
    return entry;
  }

  #readHeader(reader: WireReader): void {
    const identity = this.#identity;
    identity.clear();
    this.#nameRange.clear();
    this.#descriptionRange.clear();
    this.#unitRange.clear();
    this.dataTag = 0;
    this.dataFrom = 0;
    this.#temporalityNumber = 0;
    this.#isMonotonicSum = false;
    while (reader.at < reader.end) this.#readHeaderField(reader);
    identity.addNumber(this.dataTag * 8 + this.#temporalityNumber * 2 + (this.#isMonotonicSum ? 1 : 0));
    this.#identify(reader, this.#nameRange);
    this.#identify(reader, this.#descriptionRange);
    this.#identify(reader, this.#unitRange);
  }

  #identify({ bytes }: WireReader, range: ByteRange): void {
    this.#identity.addNumber(range.length);
    this.#identity.add(bytes, range);
  }

  #readHeaderField(reader: WireReader): void {
    const start = reader.at;
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        this.#nameRange.read(reader);
        break;
      case 0x12:
        this.#descriptionRange.read(reader);
        break;
      case 0x1a:
        this.#unitRange.read(reader);
        break;
      case 0x62:
        this.#metadataRange.read(reader);
        this.#identity.addNumber(this.#metadataRange.length);
        this.#identity.add(reader.bytes, this.#metadataRange);
        break;
      case METRIC_DATA.gauge:
      case METRIC_DATA.sum:
      case METRIC_DATA.histogram:
      case METRIC_DATA.exponentialHistogram:
      case METRIC_DATA.summary:
        this.#readDataHeader(reader, tag, start);
        break;
      default:
        reader.skip(tag);
    }
  }

  #readDataHeader(reader: WireReader, dataTag: number, start: number): void {
    if (this.dataTag !== dataTag) {
      this.dataTag = dataTag;
      this.dataFrom = start;
      this.#temporalityNumber = 0;
      this.#isMonotonicSum = false;
    }
    const outer = reader.enter();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x10 && this.#hasTemporality) this.#temporalityNumber = knownTemporality(reader.varint32());
      else if (tag === 0x18 && dataTag === METRIC_DATA.sum) this.#isMonotonicSum = reader.bool();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  get #hasTemporality(): boolean {
    return this.dataTag !== METRIC_DATA.gauge && this.dataTag !== METRIC_DATA.summary && this.dataTag !== 0;
  }

  #add(entry: number, reader: WireReader): void {
    this.#entries.nextRow();
    this.#name.set(entry, reader, this.#nameRange);
    this.#description.set(entry, reader, this.#descriptionRange);
    this.#unit.set(entry, reader, this.#unitRange);
    this.#type.writeAscii(TYPE_WORDS[this.dataTag] ?? '');
    this.#type.end(entry);
    if (this.#hasTemporality) this.#temporality.column.writeAscii(TEMPORALITIES[this.#temporalityNumber]!);
    this.#temporality.column.end(entry);
    this.#temporality.setValid(entry, this.#hasTemporality);
    this.#isMonotonic.column.values[entry] = this.#isMonotonicSum ? 1 : 0;
    this.#isMonotonic.setValid(entry, this.dataTag === METRIC_DATA.sum);
    this.#readMetadata(reader);
    this.#metadata.end(entry);
    this.#entries.length = entry + 1;
  }

  #readMetadata(reader: WireReader): void {
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x62) this.#metadata.read(reader);
      else reader.skip(tag);
    }
  }

  /** Bytes of the metric that was read last, without its points. */
  get lastBytes(): number {
    return this.#identity.length;
  }

  get length(): number {
    return this.#entries.length;
  }

  truncate(length: number): void {
    this.#identities.truncate(length);
    this.#entries.truncate(length);
  }

  byteLength(): number {
    return this.#entries.byteLength() + this.#identities.byteLength();
  }

  /** `metric_name`, `description`, `unit`, `type`, `temporality`, `is_monotonic`. */
  describingData(): ColumnData[] {
    const columns = [this.#name, this.#description, this.#unit, this.#type, this.#temporality, this.#isMonotonic];
    return columns.map((column) => column.data(this.length));
  }

  metadataData(): ColumnData {
    return this.#metadata.data(this.length);
  }
}

/** Enums are open in proto3: a number that a later version adds counts as unspecified. */
function knownTemporality(number: number): number {
  return number >>> 0 < TEMPORALITIES.length ? number : 0;
}
