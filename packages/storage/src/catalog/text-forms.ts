import { isoTime, type Random, randomHex } from '@openwit/ports';

/** `2026-11-23 23:35:38.343+00`: how DuckLake writes a snapshot's time. */
export function snapshotTime(ms: number): string {
  return isoTime(ms).replace('T', ' ').replace('Z', '+00');
}

/** A random UUID, version 4. */
export function uuid(random: Random): string {
  const hex = randomHex(random, 16);
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3];
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20)].join(
    '-',
  );
}

/** A name in the list of a snapshot's changes: `"acme"`. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
