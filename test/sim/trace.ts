import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

const KEPT_LINES = 40;

/** What happened in a run, a line an event. Two runs of a seed have the same, to the byte. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #print: ((line: string) => void) | undefined;
  readonly #last: string[] = [];
  /** Lines so far. */
  lines = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  add(line: string): void {
    const numbered = `${++this.lines} ${line}`;
    this.#hash.update(`${numbered}\n`);
    this.#last.push(numbered);
    if (this.#last.length > KEPT_LINES) this.#last.shift();
    this.#print?.(numbered);
  }

  /** The last events. */
  tail(): readonly string[] {
    return this.#last;
  }

  /** Of all lines; nothing can be added after it. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** A result in a few letters: equal results have equal ones. */
export function hashOf(result: unknown): string {
  if (result === undefined) return '-';
  const text = result instanceof Uint8Array ? result : JSON.stringify(result, plain);
  return text === undefined ? '-' : crc32(text).toString(16);
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
