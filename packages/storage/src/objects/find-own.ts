import type { ObjectCall, ObjectContent, ObjectInfo, ObjectStore } from '@openwit/ports';
import { partsOf } from '@openwit/ports';

const COMPARED_BYTES = 8 * 1024 * 1024;

/** The object of this key when it has exactly this content: compared by bytes, since checksums differ from store to store. */
export async function findOwn(
  store: ObjectStore,
  key: string,
  content: ObjectContent,
  { signal, around }: ObjectCall,
): Promise<ObjectInfo | undefined> {
  const call = { ...(signal && { signal }), ...(around && { around }) };
  const info = await store.head(key, call);
  if (info === undefined || info.sizeBytes !== content.sizeBytes || info.isArchived) return undefined;
  for await (const { offset, bytes } of partsOf(content, COMPARED_BYTES)) {
    const found = await store.get(key, { ...call, range: { offset, length: bytes.length } });
    if (Buffer.compare(found, bytes) !== 0) return undefined;
  }
  return info;
}
