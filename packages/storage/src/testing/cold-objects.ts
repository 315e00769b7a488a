import { readFileSync } from 'node:fs';
import { type Clock, type DataFile, type ObjectStore, systemClock } from '@openwit/ports';
import { putObject, SeededRandom } from '@openwit/ports/testing';
import { MemoryObjectStore, type MemoryObjectStoreSettings } from '../objects/memory-object-store.ts';

export function memoryStore(settings: MemoryObjectStoreSettings = {}, clock: Clock = systemClock): MemoryObjectStore {
  return new MemoryObjectStore({ clock, random: new SeededRandom(1) }, settings);
}

/** The same file, in an object store. */
export async function moved(store: ObjectStore, file: DataFile): Promise<DataFile> {
  const key = `acme/logs/${file.fileId}.parquet`;
  await putObject(store, key, readFileSync(file.path));
  return { ...file, tier: 'cold', path: `${store.url}/${key}` };
}
