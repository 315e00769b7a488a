import { utimesSync } from 'node:fs';
import { type FileSystem, nodeFileSystem } from '@openwit/ports';

const PART = Buffer.alloc(1024 * 1024, 0xff);
const ALWAYS_SECONDS = 1_800_000_000;

/**
 * The machine's file system, but what would be a hole in a file is full of garbage, and the time of a file's last change never
 * changes: so a reader that looks beyond what was written, or remembers something from there, reads nonsense.
 */
export const garbageFileSystem: FileSystem = {
  ...nodeFileSystem,
  async open(path, mode) {
    const file = await nodeFileSystem.open(path, mode);
    return {
      read: (target, position) => file.read(target, position),
      size: () => file.size(),
      sync: () => file.sync(),
      async write(pieces, position) {
        await file.write(pieces, position);
        utimesSync(path, ALWAYS_SECONDS, ALWAYS_SECONDS);
      },
      async truncate(length) {
        for (let at = await file.size(); at < length; at += PART.length) {
          await file.write([PART.subarray(0, Math.min(PART.length, length - at))], at);
        }
        await file.truncate(length);
      },
      close: () => file.close(),
    };
  },
};
