import type { FileSystem, ObjectContent } from '@openwit/ports';

/** A file as content. It is opened for each part, so that nothing is held between them; it must not change meanwhile. */
export async function fileContent(fileSystem: FileSystem, path: string): Promise<ObjectContent> {
  const file = await fileSystem.open(path, 'read');
  try {
    return { sizeBytes: await file.size(), read: (offset, length) => readPart(fileSystem, path, offset, length) };
  } finally {
    await file.close();
  }
}

async function readPart(fileSystem: FileSystem, path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await fileSystem.open(path, 'read');
  try {
    return await readBytes(file, offset, length);
  } finally {
    await file.close();
  }
}

/** Up to `length` bytes, fewer only at the end of the file. */
export async function readBytes(
  file: { read(target: Uint8Array, position: number): Promise<number> },
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes.subarray(filled), offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
