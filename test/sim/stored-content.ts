import { isOpenWitError } from '@openwit/ports';
import { type Row, readRows, rowsOf } from './sim-files.ts';
import type { Bucket } from './sim-object-store.ts';
import type { World } from './world.ts';

/** The rows at a path or URL as they are there now, past everything that fails; undefined when nothing is there. */
export async function contentOf(world: World, path: string): Promise<Row[] | undefined> {
  const bucket = world.buckets.find(({ inner }) => path.startsWith(`${inner.url}/`));
  try {
    if (bucket === undefined) return await readRows(world.disk, path);
    return rowsOf(await bucket.inner.get(path.slice(bucket.inner.url.length + 1)));
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || (isOpenWitError(error) && code === 'OBJECT_NOT_FOUND')) return undefined;
    throw error;
  }
}

export async function pathsBelow(world: World, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const { name, isFolder } of await world.disk.list(folder)) {
    const path = `${folder}/${name}`;
    if (isFolder) paths.push(...(await pathsBelow(world, path)));
    else paths.push(path);
  }
  return paths;
}

export async function keysOf({ inner }: Bucket): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of inner.list('')) keys.push(key);
  return keys;
}
