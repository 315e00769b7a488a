import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { isOpenWitError, systemClock } from '@openwit/ports';
import { PostgresCatalog } from './postgres-catalog.ts';

const settings = { connectionString: 'postgres://nobody@127.0.0.1:1/none', dataPath: '/data' };

test('a node id that names no folder is refused before anything is asked', async () => {
  for (const nodeId of ['', '../x', 'a b', 'x'.repeat(64)]) {
    await assert.rejects(
      PostgresCatalog.open({ clock: systemClock }, { ...settings, nodeId }),
      (e) => isOpenWitError(e) && e.code === 'INVALID_CONFIG' && e.details.option === 'nodeId',
    );
  }
});

test('a server that cannot be reached is unavailable', async () => {
  await assert.rejects(
    PostgresCatalog.open({ clock: systemClock }, settings),
    (e) => isOpenWitError(e) && e.kind === 'unavailable' && e.code === 'STORE_UNAVAILABLE',
  );
});

test('without the package pg the error says what to install', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'pg') throw new Error('no such package');
      return next(specifier, context);
    },
  });
  await assert.rejects(
    PostgresCatalog.open({ clock: systemClock }, settings),
    (e) => isOpenWitError(e) && e.code === 'MISSING_PACKAGE' && e.message.includes('npm install pg'),
  );
  hooks.deregister();
});
