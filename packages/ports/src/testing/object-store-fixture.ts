import assert from 'node:assert/strict';
import { isOpenWitError } from '../errors.ts';
import { bytesContent } from '../object-content.ts';
import type { ObjectInfo, ObjectStore } from '../object-store.ts';

/** What a store is like, so that the suite can come to its edges with little. */
export interface ObjectStoreTraits {
  /** The size of its parts: objects of more go up in several. */
  readonly partBytes: number;
  /** A class that it has besides its default one, when it has. */
  readonly storageClass?: string;
  /** What a stand-in does not do that the real service does: refuse a class that it does not have, show a move to one. */
  readonly lacks?: readonly ('unknownClass' | 'movedClass')[];
  /** Stores that must refuse everything: wrong credentials, no such bucket. */
  readonly forbidden?: Readonly<Record<string, () => Promise<ObjectStore>>>;
  /** An upload in parts leaves something until it is finished, which `removeUnfinished` removes. */
  readonly leavesParts?: boolean;
  /** Why it cannot be tested here. */
  readonly skip?: string | false;
}

/** `length` bytes that differ from one place to the next, and from seed to seed. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function putObject(store: ObjectStore, key: string, content: string | Uint8Array): Promise<ObjectInfo> {
  return store.put(key, bytesContent(typeof content === 'string' ? Buffer.from(content) : content));
}

export async function objectsOf(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of store.list(prefix)) objects.push(object);
  return objects;
}

export async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  return (await objectsOf(store, prefix)).map(({ key }) => key);
}

/** For `assert.rejects`: an error of ours with one of these codes. */
export function hasCode(...codes: string[]): (error: unknown) => true {
  return (error) => {
    assert.ok(isOpenWitError(error), String(error));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return true;
  };
}
