import type { SeededRandom } from './seeded-random.ts';

/** A change of a file's content that no sync has made durable yet. */
type ContentChange =
  | { readonly kind: 'write'; readonly bytes: Uint8Array; readonly position: number }
  | { readonly kind: 'truncate'; readonly length: number };

const SECTOR_BYTES = 512;

/** A file's content, as it reads now and as it would be found after a power cut. */
export class MemoryFile {
  modifiedMs: number;
  readonly #now = new GrowingBytes();
  readonly #durable = new GrowingBytes();
  #pending: ContentChange[] = [];

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }

  get size(): number {
    return this.#now.length;
  }

  write(bytes: Uint8Array, position: number): void {
    this.#now.write(bytes, position);
    this.#pending.push({ kind: 'write', bytes: Uint8Array.from(bytes), position });
  }

  truncate(length: number): void {
    this.#now.truncate(length);
    this.#pending.push({ kind: 'truncate', length });
  }

  read(target: Uint8Array, position: number): number {
    return this.#now.read(target, position);
  }

  sync(): void {
    for (const change of this.#pending) apply(this.#durable, change);
    this.#pending = [];
  }

  /** As an fsync that failed leaves it: what was to be written may be on the disk or not, and no later fsync tries it again. */
  loseUnsynced(random: SeededRandom): void {
    for (const change of this.#pending) applyTorn(this.#durable, change, random);
    this.#pending = [];
  }

  powerCut(random?: SeededRandom): void {
    for (const change of this.#pending) if (random !== undefined) applyTorn(this.#durable, change, random);
    this.#pending = [];
    this.#now.truncate(0);
    this.#now.write(this.#durable.view(), 0);
  }
}

function apply(content: GrowingBytes, change: ContentChange): void {
  if (change.kind === 'write') content.write(change.bytes, change.position);
  else content.truncate(change.length);
}

/** All of it, none, a prefix, or some sectors: a sector that was not written reads as zeros or as before. */
function applyTorn(content: GrowingBytes, change: ContentChange, random: SeededRandom): void {
  const fate = random.below(4);
  if (fate === 0) return;
  if (fate === 1 || change.kind === 'truncate') {
    apply(content, change);
    return;
  }
  const { bytes, position } = change;
  if (fate === 2) {
    content.write(bytes.subarray(0, random.below(bytes.length + 1)), position);
    return;
  }
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    if (random.below(2) === 0) content.write(bytes.subarray(at, at + SECTOR_BYTES), position + at);
  }
}

class GrowingBytes {
  length = 0;
  #bytes = new Uint8Array(0);

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (bytes.length === 0) return;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, position);
    this.length = Math.max(this.length, end);
  }

  truncate(length: number): void {
    if (length > this.length) this.write(new Uint8Array(length - this.length), this.length);
    else this.#bytes.fill(0, length, this.length);
    this.length = length;
  }

  read(target: Uint8Array, position: number): number {
    const part = this.view().subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}
