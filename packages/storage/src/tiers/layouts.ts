import { type ParquetLayout, parquetLayout } from '../parquet/parquet-layout.ts';
import type { ColdFile } from './cold-file.ts';

/** The footers that were read last, as layouts: each is parsed once while it is kept. */
export class Layouts {
  readonly #max: number;
  readonly #layouts = new Map<ColdFile['place'], Promise<ParquetLayout>>();

  constructor(max: number) {
    this.#max = max;
  }

  /** @param file has its footer here @throws data / STORE_CORRUPTION */
  async of(file: ColdFile): Promise<ParquetLayout> {
    const layout = this.#layouts.get(file.place) ?? this.#parse(file);
    this.#layouts.delete(file.place);
    this.#layouts.set(file.place, layout);
    if (this.#layouts.size > this.#max) this.#layouts.delete(this.#layouts.keys().next().value!);
    try {
      return await layout;
    } catch (error) {
      this.#layouts.delete(file.place);
      throw error;
    }
  }

  async #parse(file: ColdFile): Promise<ParquetLayout> {
    const footer = file.footer!;
    return parquetLayout(await file.read(footer), footer);
  }
}
