import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { contentEncoding, decompress } from './decompress.ts';

const TEXT = 'what was sent '.repeat(50);
const GARBAGE = Buffer.from('garbage');
const SKIPPABLE = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

const textOf = async (encoding: 'gzip' | 'deflate' | 'zstd', bytes: Uint8Array, maxBytes = 10_000) =>
  Buffer.from(await decompress(encoding, bytes, maxBytes)).toString();

describe('all of a compressed body is read', () => {
  const zstd = zstdCompressSync(TEXT);
  const cases = {
    'gzip of two members': ['gzip', Buffer.concat([gzipSync(TEXT), gzipSync('end')]), `${TEXT}end`],
    'gzip with padding': ['gzip', Buffer.concat([gzipSync(TEXT), Buffer.alloc(20)]), TEXT],
    deflate: ['deflate', deflateSync(TEXT), TEXT],
    'deflate without its header': ['deflate', deflateRawSync(TEXT), TEXT],
    'zstd of two frames': ['zstd', Buffer.concat([zstd, zstdCompressSync('end')]), `${TEXT}end`],
    'zstd behind a skippable frame': ['zstd', Buffer.concat([SKIPPABLE, zstd]), TEXT],
    'zstd before a skippable frame': ['zstd', Buffer.concat([zstd, SKIPPABLE]), TEXT],
  } as const;
  for (const [name, [encoding, bytes, text]] of Object.entries(cases)) {
    test(name, async () => assert.equal(await textOf(encoding, bytes), text));
  }
});

describe('what follows the body and is none of it is an error', () => {
  const bodies = { gzip: gzipSync(TEXT), deflate: deflateSync(TEXT), zstd: zstdCompressSync(TEXT) } as const;
  for (const [encoding, bytes] of Object.entries(bodies) as ['gzip', Buffer][]) {
    test(encoding, () => assert.rejects(textOf(encoding, Buffer.concat([bytes, GARBAGE])), { code: 'MALFORMED_OTLP' }));
  }

  test('zstd of very many frames', () => {
    const frames = Buffer.concat(Array.from({ length: 1000 }, () => SKIPPABLE));
    return assert.rejects(textOf('zstd', frames), { code: 'MALFORMED_OTLP' });
  });
});

test('frames together may not unpack to more than the limit', async () => {
  const two = Buffer.concat([zstdCompressSync('x'.repeat(600)), zstdCompressSync('y'.repeat(600))]);
  await assert.rejects(textOf('zstd', two, 1000), { code: 'REQUEST_TOO_LARGE' });
  assert.equal((await textOf('zstd', two, 1200)).length, 1200);
  const oneMore = Buffer.concat([two, zstdCompressSync('z')]);
  await assert.rejects(textOf('zstd', oneMore, 1200), { code: 'REQUEST_TOO_LARGE' });
});

test('x-gzip is gzip', () => assert.equal(contentEncoding('X-GZIP'), 'gzip'));
