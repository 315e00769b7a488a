import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { randomRows, SeededRandom } from '@openwit/ports/testing';
import { encodeRequest } from '../testing/encode-request.ts';
import { ParquetWriters } from './parquet-writers.ts';

const writers = new ParquetWriters();
after(() => writers.close());

test('the memory of a file that was given back is used for the next; of another it is not touched', async () => {
  const first = await encode(1);
  assert.ok(first.parts.every(({ buffer }) => buffer instanceof SharedArrayBuffer));
  const second = await encode(2);
  const [firstBytes, secondBytes] = [Buffer.concat(first.parts), Buffer.concat(second.parts)];
  assert.equal(firstBytes.length, first.sizeBytes);
  writers.giveBack(first);
  const third = await encode(3);
  assert.ok(!Buffer.concat(first.parts).equals(firstBytes));
  assert.ok(Buffer.concat(second.parts).equals(secondBytes));
  const again = new ParquetWriters();
  const { parts } = await encode(3, again);
  await again.close();
  assert.ok(Buffer.concat(third.parts).equals(Buffer.concat(parts)));
});

function encode(seed: number, by: ParquetWriters = writers) {
  return by.encode(encodeRequest('logs', randomRows('logs', new SeededRandom(seed), 200)));
}
