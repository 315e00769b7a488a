import type { FileSystem } from '@openwit/ports';
import { WAL_PATH } from './node.ts';

/**
 * Watches whether what a failed append left in the log was taken away. Where the disk refused the write, the cut and the
 * next segment too, a rejected record may be replayed: the log says so.
 */
export class LogCuts {
  /** What is rejected now may come back. */
  isUncut = false;

  watch(own: FileSystem): FileSystem {
    this.isUncut = false;
    let hasNext = false;
    return {
      ...own,
      syncFolder: async (path) => {
        await own.syncFolder(path);
        if (path !== WAL_PATH) return;
        if (hasNext) this.isUncut = false;
        hasNext = false;
      },
      open: async (path, mode) => {
        const file = await own.open(path, mode);
        if (!path.endsWith('.wal')) return file;
        hasNext ||= mode === 'create';
        let isCutting = false;
        const noting = async (run: () => Promise<void>): Promise<void> => {
          try {
            await run();
          } catch (error) {
            this.isUncut ||= isCutting;
            throw error;
          }
        };
        return {
          ...file,
          truncate: (length) => {
            isCutting = true;
            return noting(() => file.truncate(length));
          },
          sync: () => noting(() => file.sync()),
        };
      },
    };
  }
}
