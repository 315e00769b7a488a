import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { TABLES, typesColumnOf } from '@openwit/ports';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('every error code has its heading, and every heading is a code', () => {
  const source = read('packages/ports/src/errors.ts');
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code);
  const headings = [...read('docs/reference/errors.md').matchAll(/^## ([A-Z_]+)$/gm)].map(([, code]) => code);
  assert.ok(codes.length > 10);
  assert.deepEqual(headings, codes);
});

test('every column of the three tables is documented', () => {
  const text = read('docs/reference/tables.md');
  for (const [table, columns] of Object.entries(TABLES)) {
    for (const { name, type } of columns) {
      assert.ok(
        text.includes(`\`${name}\``) || name.startsWith('scope_') || name.startsWith('resource_'),
        `${table}.${name}`,
      );
      if (type === 'attributes' && name === 'attributes') assert.ok(text.includes(typesColumnOf(name)));
    }
  }
});

test('every option of the object stores is documented', () => {
  const text = read('docs/reference/objects.md');
  const folder = 'packages/storage/src';
  const settings = ['s3/s3-settings', 'gcs/gcs-settings', 'azure/azure-settings', 'retrying', 'memory-object-store'];
  const sources = [...settings.map((name) => `objects/${name}`), 'tiers/cold-settings'];
  const source = sources.map((name) => read(`${folder}/${name}.ts`)).join('');
  const names = [...source.matchAll(/^ {2}readonly (\w+)\?: /gm)].map(([, name]) => name!);
  assert.ok(names.length > 15);
  for (const name of names) assert.ok(text.includes(`\`${name}\``), name);
});

test('every option of the node is documented with its default', () => {
  const text = read('docs/reference/options.md');
  const sources = [
    'packages/core/src/open-wit-options.ts',
    'packages/core/src/ingest/ingest-settings.ts',
    'packages/query/src/engine/settings.ts',
    'packages/transport/src/receive/receiver-options.ts',
  ];
  const source = sources.map(read).join('');
  const injected = ['clock', 'random', 'fileSystem', 'port', 'tempDir', 'dataDirs'];
  const names = [...source.matchAll(/^\s+readonly (\w+)\?: (?!\{)/gm)].map(([, name]) => name!);
  for (const name of names) if (!injected.includes(name)) assert.match(text, new RegExp(`\\b${name}\\b`), name);
});
