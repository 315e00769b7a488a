import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock } from '@openwit/ports';

/** What may still be read of a request that has its answer. */
export interface DiscardLimits {
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly maxMs: number;
}

/**
 * Ends a response. When the request is still being sent, the answer goes out at once, the rest is read and thrown away,
 * and only then the connection is closed: many clients read no answer before they have sent everything, and a connection
 * that closes under them takes the answer with it.
 */
export async function endResponse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
  limits: DiscardLimits,
): Promise<void> {
  const isWhole = request.complete || !announcesBody(request);
  if (!isWhole) response.setHeader('connection', 'close');
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  if (isWhole) {
    response.end(body);
    return;
  }
  response.write(body);
  await discardRest(request, limits);
  response.end();
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Resolves when there is nothing more to read, or one of the limits is reached. */
function discardRest(request: Readable, { clock, maxBytes, maxMs }: DiscardLimits): Promise<void> {
  if (maxMs <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    let left = maxBytes;
    const onData = (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) stop();
    };
    const timer = clock.schedule(maxMs, () => stop());
    const stop = () => {
      timer.cancel();
      request.off('data', onData).off('end', stop).off('close', stop).pause();
      resolve();
    };
    request.on('data', onData).on('end', stop).on('close', stop).resume();
    if (request.destroyed) stop();
  });
}
