import type { Signal } from '@openwit/ports';
import { type MessageSchema, messageSchema, REQUEST_MESSAGES } from './schema.ts';
import { WireReader } from './wire.ts';

const WIRE_LENGTH = 2;

/**
 * Names the field at an offset of a malformed request: `resource_spans.scope_spans.spans.trace_id`. Walking down again
 * after the failure costs the decoder nothing while all goes well.
 */
export function fieldPathAt(signal: Signal, payload: Uint8Array, offset: number): string {
  const request = REQUEST_MESSAGES[signal];
  const reader = new WireReader();
  reader.open(payload);
  const path: string[] = [];
  let schema = messageSchema(request);
  while (schema !== undefined) schema = descend(reader, schema, offset, path);
  return path.length === 0 ? request : path.join('.');
}

/** Adds the field of this message that covers the offset; returns its schema when the offset is inside a message. */
function descend(reader: WireReader, schema: MessageSchema, offset: number, path: string[]): MessageSchema | undefined {
  while (reader.at < reader.end) {
    const start = reader.at;
    let name: string | undefined;
    try {
      const tag = reader.tag();
      const field = schema.find(({ number }) => number === tag >>> 3);
      name = field?.name ?? `field ${tag >>> 3}`;
      if ((tag & 7) === WIRE_LENGTH) {
        const length = reader.length();
        const contentStart = reader.at;
        reader.at += length;
        if (offset >= contentStart && offset < reader.at && field !== undefined) {
          path.push(name);
          reader.at = contentStart;
          reader.end = contentStart + length;
          return messageSchema(field.type);
        }
      } else {
        reader.skip(tag);
      }
    } catch {
      // This is the malformed field itself.
      if (name !== undefined) path.push(name);
      return undefined;
    }
    if (offset >= start && offset < reader.at) {
      path.push(name);
      return undefined;
    }
  }
  return undefined;
}
