import { describe } from 'node:test';
import type { ObjectStore } from '../object-store.ts';
import type { ObjectStoreTraits } from './object-store-fixture.ts';
import { testReads } from './object-store-reads.ts';
import { testClasses, testRefusals } from './object-store-refusals.ts';
import { testUnfinished } from './object-store-unfinished.ts';
import { testWrites } from './object-store-writes.ts';

/**
 * Proves the guarantees of {@link ObjectStore} on an implementation.
 * @param make an empty store, whose pages and batches are of three objects where it has such a setting
 */
export function testObjectStore(name: string, make: () => Promise<ObjectStore>, traits: ObjectStoreTraits): void {
  describe(`${name} is an object store`, { skip: traits.skip ?? false }, () => {
    testReads(make, traits);
    testWrites(make, traits);
    testUnfinished(make, traits);
    testClasses(make, traits);
    testRefusals(make, traits);
  });
}
