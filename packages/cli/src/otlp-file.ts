import { OpenWitError, type Signal } from '@openwit/ports';

export interface FileRequest {
  readonly signal: Signal;
  readonly type: 'application/json' | 'application/x-protobuf';
  readonly body: Uint8Array<ArrayBuffer>;
}

const JSON_KEYS: Readonly<Record<string, Signal>> = {
  resourceSpans: 'traces',
  resourceLogs: 'logs',
  resourceMetrics: 'metrics',
};

/** The requests of an OTLP file; JSON tells its signal itself. @throws invalid / MALFORMED_OTLP, INVALID_CONFIG */
export function requestsOf(file: Uint8Array<ArrayBuffer>, signal: Signal | undefined): readonly FileRequest[] {
  const first = file.find((byte) => byte > 0x20);
  if (first === 0x7b) return jsonRequests(new TextDecoder().decode(file));
  if (signal === undefined) {
    throw new OpenWitError('invalid', 'INVALID_CONFIG', 'protobuf does not tell its signal, option=--signal is needed');
  }
  return frames(file).map((body) => ({ signal, type: 'application/x-protobuf', body }));
}

function jsonRequests(text: string): readonly FileRequest[] {
  const whole = parse(text);
  const documents = whole === undefined ? text.split('\n').filter((line) => line.trim() !== '') : [text];
  return documents.map((document, line) => {
    const parsed = parse(document);
    const key = Object.keys(JSON_KEYS).find((name) => parsed !== undefined && name in parsed);
    if (key === undefined) {
      throw new OpenWitError('invalid', 'MALFORMED_OTLP', `no OTLP/JSON request, line=${line + 1}`, {
        details: { line: line + 1 },
      });
    }
    return { signal: JSON_KEYS[key]!, type: 'application/json', body: new TextEncoder().encode(document) };
  });
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Messages with a 4-byte length before each, whose lengths add up to the file; else the file is one message. */
function frames(file: Uint8Array<ArrayBuffer>): readonly Uint8Array<ArrayBuffer>[] {
  return framesBy(file, true) ?? framesBy(file, false) ?? [file];
}

function framesBy(
  file: Uint8Array<ArrayBuffer>,
  littleEndian: boolean,
): readonly Uint8Array<ArrayBuffer>[] | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < file.length; ) {
    if (at + 4 > file.length) return undefined;
    const end = at + 4 + view.getUint32(at, littleEndian);
    if (end > file.length) return undefined;
    found.push(file.subarray(at + 4, end));
    at = end;
  }
  return found;
}
