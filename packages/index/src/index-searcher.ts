import {
  type FoundRows,
  type IndexCondition,
  type IndexRange,
  type IndexSearcher,
  type MissingRanges,
  type OpenIndex,
  OpenWitError,
} from '@openwit/ports';
import { TantivyError } from '@openwit/tantivy-node';
import { BytesMissing } from './file-index/byte-source.ts';
import { DamagedIndex } from './file-index/index-format.ts';
import { OpenFileIndex } from './file-index/open-file-index.ts';
import { searchFailure } from './text-searcher.ts';

/** Searches the indexes that `fileIndexer` makes. */
export const indexSearcher: IndexSearcher = {
  open(path: string, present?: readonly IndexRange[]): Promise<OpenIndex | MissingRanges> {
    return answered(async () => {
      const index = OpenFileIndex.open(path, present);
      return {
        search: (conditions: readonly IndexCondition[], isCount: boolean, signal: AbortSignal) =>
          answered<FoundRows | undefined>(() => index.search(conditions, isCount, signal), signal),
      };
    });
  },
};

async function answered<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T | MissingRanges> {
  try {
    return await ask();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BytesMissing) return { missing: error.ranges };
    if (error instanceof TantivyError) {
      if (error.code === 'missing') return { missing: error.ranges };
      if (error.code !== 'damaged' && error.code !== 'io') throw searchFailure(error);
    } else if (!(error instanceof DamagedIndex) && !isOfFileSystem(error)) throw error;
    throw new OpenWitError('data', 'STORE_CORRUPTION', 'an index cannot be read', { cause: error });
  }
}

function isOfFileSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
