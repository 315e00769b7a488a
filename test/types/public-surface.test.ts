import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { packageFolders, publicSurface } from './public-surface.ts';

/** `npm run surface` accepts the surface as it is; the difference is then reviewed with the change. */
const ACCEPT = process.env.OPENWIT_ACCEPT_SURFACE === '1';

for (const folder of packageFolders) {
  const name = basename(folder);
  test(`the public surface of @openwit/${name} is the one that was reviewed`, () => {
    const file = new URL(`./surface/${name}.txt`, import.meta.url);
    const surface = publicSurface(folder);
    if (ACCEPT) writeFileSync(file, surface);
    assert.ok(existsSync(file), 'npm run surface writes the first one');
    assert.equal(surface, readFileSync(file, 'utf8'));
  });
}
