import type { ColumnData } from '@openwit/ports';
import type { BatchContext } from './batch-context.ts';
import { EXPECTED_ORIGINS, OriginGroup } from './origin-group.ts';
import { TextColumn } from './text-column.ts';
import type { WireReader } from './wire.ts';

export class ResourceGroup extends OriginGroup {
  readonly #serviceName: TextColumn;
  readonly #serviceNameKey: number;

  constructor(context: BatchContext) {
    const serviceName = new TextColumn(context.memory, EXPECTED_ORIGINS, EXPECTED_ORIGINS * 16);
    super(context, serviceName);
    this.#serviceName = serviceName;
    this.#serviceNameKey = context.serviceNameKey;
  }

  protected override readOrigin(reader: WireReader): void {
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) this.attributes.read(reader);
      else reader.skip(tag);
    }
  }

  protected override endOrigin(entry: number): void {
    this.attributes.copyText(entry, this.#serviceNameKey, this.#serviceName);
    this.#serviceName.end(entry);
  }

  serviceNameData(): ColumnData {
    return this.#serviceName.data(this.length);
  }
}
