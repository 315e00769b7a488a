import type { ColumnData } from '@openwit/ports';
import { AttributesColumn } from './attributes-column.ts';
import type { BatchContext } from './batch-context.ts';
import { ByteDictionary } from './byte-dictionary.ts';
import { ColumnSet } from './column-set.ts';
import { ByteRange } from './fields.ts';
import { Identity } from './identity.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

export const EXPECTED_ORIGINS = 64;

/**
 * The resources or the scopes of a batch: what all records below one `ResourceSpans` or `ScopeSpans` share. Both
 * messages have the same shape for the three signals: the origin is field 1, its schema URL field 3. Equal bytes are
 * one entry, over requests too.
 */
export abstract class OriginGroup {
  protected readonly attributes: AttributesColumn;
  readonly #identities: ByteDictionary;
  readonly #schemaUrl: TextColumn;
  readonly #originRange: ByteRange = new ByteRange();
  readonly #schemaUrlRange: ByteRange = new ByteRange();
  readonly #entries: ColumnSet;
  readonly #identity: Identity = new Identity();

  constructor(context: BatchContext, ...texts: TextColumn[]) {
    this.#identities = new ByteDictionary(context.memory, EXPECTED_ORIGINS, EXPECTED_ORIGINS * 256);
    this.#schemaUrl = new TextColumn(context.memory, EXPECTED_ORIGINS, EXPECTED_ORIGINS * 16);
    this.attributes = new AttributesColumn(context, EXPECTED_ORIGINS, 8);
    this.#entries = new ColumnSet(EXPECTED_ORIGINS, [...texts, this.#schemaUrl, this.attributes]);
  }

  /** Reads the fields up to `reader.end`. Called once more for each time that the message is repeated: protobuf merges. */
  protected abstract readOrigin(reader: WireReader): void;

  /** Writes what was read, all but the attributes, and is ready for the next origin. */
  protected abstract endOrigin(entry: number, reader: WireReader): void;

  /** The entry of the message that ends at `reader.end`. Leaves the reader where it was. */
  entryOf(reader: WireReader): number {
    const start = reader.at;
    this.#identify(reader);
    reader.at = start;
    const known = this.length;
    const entry = this.#identities.intern(this.#identity, 0, this.#identity.length);
    if (entry === known) {
      this.#add(entry, reader);
      reader.at = start;
    }
    return entry;
  }

  /** The bytes of the origin, those of its schema URL, and how many the first are. */
  #identify(reader: WireReader): void {
    const identity = this.#identity;
    const origin = this.#originRange;
    const schemaUrl = this.#schemaUrlRange;
    identity.clear();
    schemaUrl.clear();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) {
        origin.read(reader);
        identity.add(reader.bytes, origin);
      } else if (tag === 0x1a) {
        schemaUrl.read(reader);
      } else {
        reader.skip(tag);
      }
    }
    const originLength = identity.length;
    identity.add(reader.bytes, schemaUrl);
    identity.addNumber(originLength);
  }

  #add(entry: number, reader: WireReader): void {
    this.#entries.nextRow();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) {
        const outer = reader.enter();
        this.readOrigin(reader);
        reader.leave(outer);
      } else {
        reader.skip(tag);
      }
    }
    this.attributes.end(entry);
    this.#schemaUrl.set(entry, reader, this.#schemaUrlRange);
    this.endOrigin(entry, reader);
    this.#entries.length = entry + 1;
  }

  /** Bytes of the origin that was read last. */
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

  attributesData(): ColumnData {
    return this.attributes.data(this.length);
  }

  schemaUrlData(): ColumnData {
    return this.#schemaUrl.data(this.length);
  }
}
