import type { ColumnData } from '@openwit/ports';
import type { BatchContext } from './batch-context.ts';
import { ByteRange } from './fields.ts';
import { EXPECTED_ORIGINS, OriginGroup } from './origin-group.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

export class ScopeGroup extends OriginGroup {
  readonly #name: TextColumn;
  readonly #version: TextColumn;
  readonly #nameRange: ByteRange = new ByteRange();
  readonly #versionRange: ByteRange = new ByteRange();

  constructor(context: BatchContext) {
    const name = new TextColumn(context.memory, EXPECTED_ORIGINS, EXPECTED_ORIGINS * 16);
    const version = new TextColumn(context.memory, EXPECTED_ORIGINS, EXPECTED_ORIGINS * 8);
    super(context, name, version);
    this.#name = name;
    this.#version = version;
  }

  protected override readOrigin(reader: WireReader): void {
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#nameRange.read(reader);
      else if (tag === 0x12) this.#versionRange.read(reader);
      else if (tag === 0x1a) this.attributes.read(reader);
      else reader.skip(tag);
    }
  }

  protected override endOrigin(entry: number, reader: WireReader): void {
    this.#name.set(entry, reader, this.#nameRange);
    this.#version.set(entry, reader, this.#versionRange);
    this.#clear();
  }

  /** A scope that was not read to its end leaves its ranges behind. */
  override truncate(length: number): void {
    super.truncate(length);
    this.#clear();
  }

  #clear(): void {
    this.#nameRange.clear();
    this.#versionRange.clear();
  }

  nameData(): ColumnData {
    return this.#name.data(this.length);
  }

  versionData(): ColumnData {
    return this.#version.data(this.length);
  }
}
