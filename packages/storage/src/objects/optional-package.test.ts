import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { optionalPackage } from './optional-package.ts';

test('a package that is not installed is named with how to install it', async () => {
  const name = '@openwit/not-installed';
  await assert.rejects(
    optionalPackage(name, 'the store of nothing', () => import(name)),
    (error) => {
      assert.ok(isOpenWitError(error) && error.kind === 'invalid' && error.code === 'MISSING_PACKAGE');
      assert.match(error.message, /the store of nothing needs a package .*npm install @openwit\/not-installed/);
      return true;
    },
  );
});

test('a package that fails when it is loaded is not called missing', async () => {
  await assert.rejects(
    optionalPackage('broken', 'x', () => Promise.reject(new Error('it is broken'))),
    /it is broken/,
  );
});
