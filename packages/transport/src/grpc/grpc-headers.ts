const TIMEOUT_UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** `grpc-timeout` in milliseconds; `undefined` when it is not one. */
export function parseGrpcTimeout(header: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  return digits === undefined ? undefined : Number(digits) * TIMEOUT_UNITS_MS[unit!]!;
}

/** Clients take few kilobytes of headers, where a message stands twice and up to nine bytes stand for a character of it. */
const MAX_MESSAGE_LENGTH = 300;

/** What a client sent may stand in a message, so that it can be of any length. */
export function shortMessage(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH)}…`.toWellFormed();
}

/** `grpc-message`: what is not printable ASCII is percent-encoded UTF-8. */
export function encodeGrpcMessage(message: string): string {
  return message.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+/g, (text) => {
    return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  });
}
