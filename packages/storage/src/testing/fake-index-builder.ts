import type { FileSystem } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import type { IndexBuilder } from '../indexing/index-builder.ts';

/** Makes indexes that say of which file they are. */
export function fakeIndexBuilder(fileSystem: FileSystem): Pick<IndexBuilder, 'build' | 'close'> {
  return {
    build: async ({ file, columns, path }) => {
      const bytes = Buffer.from(`index of ${file.path.split('/').at(-1)}`);
      const made = await fileSystem.open(unfinishedName(path), 'create');
      try {
        await made.write([bytes], 0);
      } finally {
        await made.close();
      }
      return { sizeBytes: bytes.length, endBytes: 5, columns: columns.map(({ name }) => name) };
    },
    close: async () => {},
  };
}
