import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
/** Inside the tree, so that the packages are found from there. */
const blocksFolder = join(root, '.cache/docs');
const run = promisify(execFile);
const PAGES = ['README.md', 'packages/{*,index/*}/README.md', 'docs/**/*.md'];

for (const document of globSync(PAGES, { cwd: root })) {
  const blocks = [...readFileSync(join(root, document), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map(
    ([, code]) => code!,
  );
  for (const [i, code] of blocks.entries()) {
    test(`TypeScript block ${i + 1} of ${document} runs`, { timeout: 60_000 }, async () => {
      mkdirSync(blocksFolder, { recursive: true });
      const file = join(blocksFolder, `${document.replaceAll('/', '-')}-${i + 1}.ts`);
      const folder = mkdtempSync(join(tmpdir(), 'openwit-docs-'));
      writeFileSync(file, code);
      try {
        await run(process.execPath, ['--conditions=openwit-source', file], { cwd: folder, timeout: 50_000 });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
}

test('every package has a page with an example', () => {
  for (const manifest of globSync('packages/{*,index/*}/package.json', { cwd: root })) {
    const page = readFileSync(join(root, manifest, '../README.md'), 'utf8');
    assert.match(page, new RegExp(`^# @openwit/${basename(dirname(manifest))}$`, 'm'));
    assert.match(page, /^```/m);
  }
});

test('every link of the documentation leads somewhere', () => {
  const dead: string[] = [];
  for (const document of globSync(PAGES, { cwd: root })) {
    const text = readFileSync(join(root, document), 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      const found = globSync(join(document, '..', target!), { cwd: root });
      if (found.length === 0) dead.push(`${document}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});
