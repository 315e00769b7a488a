import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';

/** A name that only one process of the machine has. */
export interface HeldName {
  release(): void;
}

/**
 * Takes the folder's name among Linux's abstract sockets, which are no files: the kernel drops it with the process, and
 * nothing that the process does to its files can lose it.
 * @returns undefined where there are no such sockets
 * @throws EADDRINUSE when another process, or this one, has it
 */
export async function holdFolderName(folder: string): Promise<HeldName | undefined> {
  if (process.platform !== 'linux') return undefined;
  const { dev, ino } = await stat(folder, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<HeldName | undefined>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') reject(error);
    else resolve(undefined);
  });
  // Exclusive: the workers of a cluster would share it.
  server.listen({ path: `\0openwit-${dev}-${ino}`, exclusive: true }, () => {
    resolve({ release: () => void server.close() });
  });
  server.unref();
  return promise;
}
