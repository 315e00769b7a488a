import { randomBytes } from 'node:crypto';

/** Randomness as a collaborator, so that a seed can replay a run. */
export interface Random {
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}

/** The machine's cryptographic source. */
export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

/** `length` random bytes as lower-case hex. */
export function randomHex(random: Random, length: number): string {
  return Buffer.from(random.bytes(length)).toString('hex');
}

/** A number in [0, 1). */
export function randomFraction(random: Random): number {
  return Buffer.from(random.bytes(4)).readUInt32LE() / 2 ** 32;
}
