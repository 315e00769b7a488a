import { parentPort } from 'node:worker_threads';
import { errorToMessage } from '@openwit/ports';
import type { JsonReply, JsonRequest } from './json-thread.ts';
import { convertOtlpJson } from './otlp-json.ts';

const port = parentPort!;

port.on('message', ({ id, signal, body, maxBytes }: JsonRequest) => {
  try {
    const payload = convertOtlpJson(signal, body, maxBytes, sharedCopy);
    port.postMessage({ id, payload } satisfies JsonReply);
  } catch (error) {
    port.postMessage({ id, error: errorToMessage(error) } satisfies JsonReply);
  }
});

function sharedCopy(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
