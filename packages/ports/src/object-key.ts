import { OpenWitError } from './errors.ts';

/** The least of what the stores take: S3, GCS and Azure 1,024 bytes, a disk 255 of them between two slashes. */
const MAX_KEY_BYTES = 1024;
const MAX_PART_BYTES = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f\\]/;

/**
 * Throws unless every store takes the key and gives it back unchanged: parts that are not empty, between slashes, which
 * neither begin nor end with a dot (`..` would leave the folder, Azure drops a dot at the end, a disk hides one in front).
 * @throws invalid / INVALID_OBJECT_KEY
 */
export function checkObjectKey(key: string): void {
  const reason = flawOf(key);
  if (reason === undefined) return;
  throw new OpenWitError('invalid', 'INVALID_OBJECT_KEY', `object key ${reason}, key=${JSON.stringify(key)}`, {
    details: { key },
  });
}

/** False for a prefix that no key begins with, such as `../`: it must not be looked for. */
export function canBeginKey(prefix: string): boolean {
  return flawOf(prefix) === undefined || flawOf(`${prefix}a`) === undefined;
}

function flawOf(key: string): string | undefined {
  if (FORBIDDEN.test(key) || !key.isWellFormed()) return 'has a backslash, a control character or half a character';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `has more than ${MAX_KEY_BYTES} bytes`;
  for (const part of key.split('/')) {
    if (part === '') return 'has an empty part';
    if (part.startsWith('.') || part.endsWith('.')) return 'has a part that begins or ends with a dot';
    if (Buffer.byteLength(part) > MAX_PART_BYTES) return `has a part of more than ${MAX_PART_BYTES} bytes`;
  }
  return undefined;
}
