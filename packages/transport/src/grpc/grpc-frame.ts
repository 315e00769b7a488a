import type { SharedBuffers } from '@openwit/ports';
import type { AdmissionShare } from '../receive/admission.ts';
import { type BodyBuffer, malformedBody, requestTooLarge, SizedBody } from '../receive/body.ts';

const PREFIX_BYTES = 5;

/**
 * The one message of a unary call: a byte that says whether it is compressed, its length in four bytes (big endian),
 * and itself (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
export class GrpcMessageBody implements BodyBuffer {
  readonly #buffers: SharedBuffers;
  readonly #share: AdmissionShare;
  readonly #maxBytes: number;
  readonly #prefix: Uint8Array = new Uint8Array(PREFIX_BYTES);
  #prefixUsed = 0;
  #message: SizedBody | undefined;

  constructor(buffers: SharedBuffers, share: AdmissionShare, maxBytes: number) {
    this.#buffers = buffers;
    this.#share = share;
    this.#maxBytes = maxBytes;
  }

  get isCompressed(): boolean {
    return this.#prefix[0] === 1;
  }

  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#message !== undefined) return this.#message.push(chunk);
    const prefixPart = chunk.subarray(0, PREFIX_BYTES - this.#prefixUsed);
    this.#prefix.set(prefixPart, this.#prefixUsed);
    this.#prefixUsed += prefixPart.length;
    if (this.#prefixUsed < PREFIX_BYTES) return undefined;
    const length = new DataView(this.#prefix.buffer).getUint32(1);
    if (this.#prefix[0]! > 1) throw malformedBody('gRPC message has an unknown compression flag');
    if (length > this.#maxBytes) throw requestTooLarge(this.#maxBytes);
    const rest = chunk.subarray(prefixPart.length);
    this.#message = new SizedBody(this.#buffers, this.#share, length);
    return this.#message.push(rest);
  }

  finish(): Uint8Array<SharedArrayBuffer> {
    if (this.#message === undefined) throw malformedBody('gRPC call has no whole message');
    return this.#message.finish();
  }
}

/** A message with its prefix, not compressed. */
export function grpcFrame(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}
