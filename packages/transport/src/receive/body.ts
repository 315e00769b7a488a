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

/** Who announces more gets room for it when so much has come. */
const FIRST_ROOM_BYTES = 1024 * 1024;

/** A body of a length that was announced. It takes of the limits what has arrived: many announce, and never send. */
export class SizedBody implements BodyBuffer {
  readonly #buffers: SharedBuffers;
  readonly #share: AdmissionShare;
  readonly #length: number;
  #bytes: Uint8Array<SharedArrayBuffer>;
  #used = 0;

  constructor(buffers: SharedBuffers, share: AdmissionShare, length: number) {
    this.#buffers = buffers;
    this.#share = share;
    this.#length = length;
    this.#bytes = buffers.take(Math.min(length, FIRST_ROOM_BYTES));
  }

  push(chunk: Uint8Array): Promise<void> | undefined {
    const used = this.#used + chunk.length;
    if (used > this.#length) throw malformedBody('the body is longer than announced');
    if (used > this.#bytes.length) this.#grow(used);
    this.#bytes.set(chunk, this.#used);
    this.#used = used;
    const { length } = chunk;
    freeBuffer(chunk);
    return this.#share.take(length);
  }

  #grow(needed: number): void {
    const larger = this.#buffers.take(Math.min(this.#length, Math.max(needed, 2 * this.#bytes.length)));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#buffers.giveBack(this.#bytes);
    this.#bytes = larger;
  }

  finish(): Uint8Array<SharedArrayBuffer> {
    if (this.#used < this.#length) throw malformedBody('the body is shorter than announced');
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
