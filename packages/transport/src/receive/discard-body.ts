import type { IncomingMessage } from 'node:http';
import type { Clock } from '@openwit/ports';

const DISCARD_MS = 2000;

/**
 * Reads what is left of a refused request, of which nothing is kept: most clients read no answer before they have sent all,
 * and a connection that closes meanwhile is a network error to them, which they try again. Resolves with the end of the
 * body, or when it is longer than `maxBytes`, or does not come.
 */
export function discardBody(request: IncomingMessage, clock: Clock, maxBytes: number): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const done = () => {
      timer.cancel();
      request.off('data', onData).off('end', done).off('close', done);
      resolve();
    };
    const onData = (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > maxBytes) done();
    };
    const timer = clock.schedule(DISCARD_MS, done);
    request.on('data', onData).on('end', done).on('close', done).resume();
  });
}
