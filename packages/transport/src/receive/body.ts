import type { Readable } from 'node:stream';
import { type Clock, freeBuffer, OpenWitError, type SharedBuffers } from '@openwit/ports';
import type { AdmissionShare } from './admission.ts';

/** The client went away: there is nobody to answer. */
export class ClientGone extends Error {}

/** Puts the pieces of a request together, in shared memory. */
export interface BodyBuffer {
  /** A promise: read no more until it resolves. @throws OpenWitError */
  push(chunk: Uint8Array): Promise<void> | undefined;
  /** The body, which the caller gives back to the buffers. @throws OpenWitError when it is not whole */
  finish(): Uint8Array<SharedArrayBuffer>;
}

/** A body of a length that was announced, and that the share has taken. */
export class SizedBody implements BodyBuffer {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  #used = 0;

  constructor(buffers: SharedBuffers, length: number) {
    this.#bytes = buffers.take(length);
  }

  push(chunk: Uint8Array): undefined {
    if (this.#used + chunk.length > this.#bytes.length) throw malformedBody('the body is longer than announced');
    this.#bytes.set(chunk, this.#used);
    this.#used += chunk.length;
    freeBuffer(chunk);
  }

  finish(): Uint8Array<SharedArrayBuffer> {
    if (this.#used < this.#bytes.length) throw malformedBody('the body is shorter than announced');
    return this.#bytes;
  }
}

/** A body of unknown length. */
export class ChunkedBody implements BodyBuffer {
  readonly #buffers: SharedBuffers;
  readonly #share: AdmissionShare;
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(buffers: SharedBuffers, share: AdmissionShare, maxBytes: number) {
    this.#buffers = buffers;
    this.#share = share;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): Promise<void> | undefined {
    this.#length += chunk.length;
    if (this.#length > this.#maxBytes) throw requestTooLarge(this.#maxBytes);
    this.#chunks.push(chunk);
    return this.#share.take(chunk.length);
  }

  finish(): Uint8Array<SharedArrayBuffer> {
    const bytes = this.#buffers.take(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
      freeBuffer(chunk);
    }
    return bytes;
  }
}

/**
 * Reads the stream into `body`, and stands still while the body waits for room.
 * @throws ClientGone; unavailable / OVERLOADED when the body does not arrive in time; what `body` throws
 */
export function readBody(
  stream: Readable,
  body: BodyBuffer,
  clock: Clock,
  timeoutMs: number,
): Promise<Uint8Array<SharedArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(timeoutMs, () => {
      fail(new OpenWitError('unavailable', 'OVERLOADED', `request did not arrive in ${timeoutMs} ms`));
    });
    let isWaiting = false;
    let hasEnded = false;
    const fail = (error: unknown) => {
      stop();
      reject(error);
    };
    const onData = (chunk: Uint8Array) => {
      try {
        const wait = body.push(chunk);
        if (wait === undefined) return;
        isWaiting = true;
        stream.pause();
        wait.then(onRoom, fail);
      } catch (error) {
        fail(error);
      }
    };
    const onRoom = () => {
      isWaiting = false;
      stream.resume();
      if (hasEnded) onEnd();
    };
    // A paused stream ends all the same when its last chunk was read.
    const onEnd = () => {
      hasEnded = true;
      if (isWaiting) return;
      stop();
      try {
        resolve(body.finish());
      } catch (error) {
        reject(error);
      }
    };
    const onGone = () => {
      if (!hasEnded) fail(new ClientGone('the client closed the connection'));
    };
    const stop = () => {
      timer.cancel();
      stream.off('data', onData).off('end', onEnd).off('close', onGone).off('aborted', onGone);
    };
    // An error is followed by `close`; without a listener it would end the process, also when it comes late.
    stream.on('error', () => {});
    stream.on('data', onData).on('end', onEnd).on('close', onGone).on('aborted', onGone);
    if (stream.destroyed) onGone();
  });
}

export function requestTooLarge(maxBytes: number): OpenWitError {
  return new OpenWitError('invalid', 'REQUEST_TOO_LARGE', `request is larger than ${maxBytes} bytes`);
}

export function malformedBody(problem: string): OpenWitError {
  return new OpenWitError('invalid', 'MALFORMED_OTLP', problem);
}
