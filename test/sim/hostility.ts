import type { SeededRandom } from '@openwit/ports/testing';

/** How many of a million operations of each kind go wrong. */
interface Rates {
  readonly file: number;
  readonly database: number;
  readonly request: number;
  readonly work: number;
}

const CALM: Rates = { file: 0, database: 0, request: 0, work: 0 };
const FEW: Rates = { file: 2000, database: 15_000, request: 20_000, work: 20_000 };
const MANY: Rates = { file: 10_000, database: 100_000, request: 120_000, work: 100_000 };

/** Of one kind so much that hardly anything goes right. */
const WORST: readonly Partial<Rates>[] = [
  { file: 25_000 },
  { database: 250_000 },
  { request: 400_000 },
  { work: 300_000 },
];

export type Fate = 'before' | 'after' | 'slow' | undefined;

/** What goes wrong in a run, from nothing at all to much. */
export class Hostility {
  readonly #random: SeededRandom;
  #rates: Rates;
  /** How often something went wrong. */
  strokes = 0;
  /** Whether actors may take the bucket away, fill the disk, or set the clock. */
  #isKind: boolean;

  constructor(random: SeededRandom) {
    this.#random = random;
    const level = random.below(10);
    this.#isKind = level < 2;
    const rates = [CALM, CALM, FEW, FEW, FEW, FEW, MANY][level] ?? FEW;
    this.#rates = { ...rates, ...(level >= 7 && random.pick(WORST)) };
  }

  get isKind(): boolean {
    return this.#isKind;
  }

  /** Faults are over. */
  end(): void {
    this.#rates = CALM;
    this.#isKind = true;
  }

  /** @param oneIn makes it rarer, of what is done much more often; a fraction makes it more frequent */
  fails(kind: keyof Rates, oneIn = 1): boolean {
    const isStruck = this.#rates[kind] > 0 && this.#random.below(1_000_000) * oneIn < this.#rates[kind];
    if (isStruck) this.strokes++;
    return isStruck;
  }

  /** Of a request or a transaction: it fails before its effect or after it, or takes long. */
  fate(kind: keyof Rates, oneIn = 1): Fate {
    return this.fails(kind, oneIn) ? this.#random.pick(['before', 'after', 'slow']) : undefined;
  }
}
