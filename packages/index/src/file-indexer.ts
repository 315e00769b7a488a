import type { FileIndexer } from '@openwit/ports';
import { IndexFileBuild } from './file-index/index-file-build.ts';

/** Makes the indexes of files. Without the native addon they have filters and bitmaps of values, and no words. */
export const fileIndexer: FileIndexer = {
  start: (path, columns) => new IndexFileBuild(path, columns),
};
