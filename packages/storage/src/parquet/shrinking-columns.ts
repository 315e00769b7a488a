import { metaOf, pathOf } from './file-schema.ts';
import { GROUP, META } from './metadata-fields.ts';
import { integer, structsIn, type ThriftStruct } from './thrift.ts';

/** Random hex has 0.97. Less than a tenth is not worth the looking for it. */
const WORTH_BELOW = 0.9;
/** Then what a column has may be of another kind. */
const FILES_UNTIL_RETRY = 32;

/**
 * Which columns of a table are worth compressing: those that have shrunk in the file before. It is found out anew every now and
 * then, since each batch has other values.
 */
export class ShrinkingColumns {
  /** Of those that did not shrink: how many files more they are left as they are. */
  readonly #left = new Map<string, number>();

  /** True when a column is to be compressed in the next file. */
  isWorth(name: string): boolean {
    const left = this.#left.get(name);
    if (left === undefined) return true;
    if (left === 0) this.#left.delete(name);
    else this.#left.set(name, left - 1);
    return left === 0;
  }

  /** @param rowGroups of a file, as in its footer */
  learn(rowGroups: readonly ThriftStruct[]): void {
    const bytes = new Map<string, { raw: number; stored: number }>();
    for (const chunk of rowGroups.flatMap((group) => structsIn(group, GROUP.columns))) {
      const path = pathOf(chunk);
      const meta = metaOf(chunk);
      if (path.length > 1 || integer(meta, META.codec) === 0) continue;
      const sum = bytes.get(path[0]!) ?? { raw: 0, stored: 0 };
      sum.raw += integer(meta, META.uncompressedBytes)!;
      sum.stored += integer(meta, META.compressedBytes)!;
      bytes.set(path[0]!, sum);
    }
    for (const [name, { raw, stored }] of bytes) {
      if (stored > WORTH_BELOW * raw) this.#left.set(name, FILES_UNTIL_RETRY);
    }
  }
}
