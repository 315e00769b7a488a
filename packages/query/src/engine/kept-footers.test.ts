import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptFooters } from './kept-footers.ts';

const large = { path: 'large', sizeBytes: 100_000_000 };
const small = { path: 'small', sizeBytes: 1 };
const other = { path: 'other', sizeBytes: 1 };

test('footers that no query has read for a while are stale, until one reads them again', () => {
  const footers = new KeptFooters();
  footers.read([large, small, other]);
  for (let i = 0; i < 31; i++) footers.read([other]);
  assert.equal(footers.staleBytes, 0);
  footers.read([other]);
  assert.equal(footers.staleBytes, 1_000_000 + 16 * 1024);
  footers.read([large]);
  assert.equal(footers.staleBytes, 16 * 1024);
});
