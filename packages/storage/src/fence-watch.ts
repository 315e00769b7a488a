import { type Catalog, isOpenWitError, type OpenWitError } from '@openwit/ports';
import type { Chore } from './maintenance.ts';

export interface FenceWatchParts {
  readonly catalog: Pick<Catalog, 'checkOwner'>;
  /** Called once, when another has taken the node over. */
  readonly onFenced: (error: OpenWitError) => void;
}

/** Finds out that another has taken the node over: at every tick, so that a node with nothing to write stops taking records too. */
export class FenceWatch implements Chore {
  readonly #parts: FenceWatchParts;
  #fenced: OpenWitError | undefined;

  constructor(parts: FenceWatchParts) {
    this.#parts = parts;
  }

  /** Why this one writes nothing any more, for good. */
  get fenced(): OpenWitError | undefined {
    return this.#fenced;
  }

  /** @throws fenced / FENCED */
  check(): void {
    if (this.#fenced !== undefined) throw this.#fenced;
  }

  async run(): Promise<void> {
    try {
      await this.#parts.catalog.checkOwner();
    } catch (error) {
      this.heed(error); // a catalog that does not answer is asked again
    }
  }

  failed(error: unknown): void {
    this.heed(error);
  }

  /** To be told of the errors of the catalog. */
  heed(error: unknown): void {
    if (this.#fenced !== undefined || !isOpenWitError(error) || error.code !== 'FENCED') return;
    this.#fenced = error;
    this.#parts.onFenced(error);
  }
}
