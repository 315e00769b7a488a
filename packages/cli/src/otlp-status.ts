/** The message of a `google.rpc.Status`, in the encoding of its answer; undefined when the body is none. */
export function statusText({ type, body }: { type: string; body: Uint8Array }): string | undefined {
  if (type.startsWith('application/x-protobuf')) return protobufMessage(body);
  return type.startsWith('application/json') ? jsonMessage(new TextDecoder().decode(body)) : undefined;
}

function jsonMessage(text: string): string | undefined {
  try {
    const { message } = Object(JSON.parse(text)) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** `{ int32 code = 1; string message = 2; … }` in the order of the numbers, as every encoder writes it. */
function protobufMessage(body: Uint8Array): string | undefined {
  const at = body[0] === 0x08 ? varint(body, 1).end : 0;
  if (body[at] !== 0x12) return undefined;
  const { value: length, end: start } = varint(body, at + 1);
  return new TextDecoder().decode(body.subarray(start, start + length));
}

function varint(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0;
  let end = from;
  for (let scale = 1; end < bytes.length; scale *= 128) {
    const byte = bytes[end++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return { value, end };
}
