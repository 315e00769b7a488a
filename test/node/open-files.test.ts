import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const skip = process.platform === 'win32' && 'there is no ulimit';

test('with too many files open a query and a server are refused for a while, not for good', { skip }, async () => {
  const program = `
    import { closeSync, openSync } from 'node:fs';
    import { OpenWit } from '@openwit/core';
    const wit = await OpenWit.open({ dataDir: ':memory:' });
    const seen = [];
    const note = (error) => seen.push([error.kind, error.code, error.retryAfterMs]);
    const open = [];
    try {
      for (;;) open.push(openSync('/dev/null'));
    } catch {}
    await wit.query('select 1').catch(note);
    await wit.listen({ api: 0 }).catch(note);
    for (const file of open) closeSync(file);
    const [row] = await wit.sql\`select 1 as one\`;
    await wit.listen({ api: 0 });
    await wit.close();
    console.log(JSON.stringify([...seen, row]));`;
  const command = ['ulimit -n 200; exec "$@"', 'sh', process.execPath, '--conditions=openwit-source'];
  const args = ['-c', ...command, '--input-type=module', '-e', program];
  const { stdout } = await run('sh', args, { cwd: import.meta.dirname, timeout: 60_000 });
  assert.deepEqual(JSON.parse(stdout), [
    ['unavailable', 'STORE_UNAVAILABLE', 1000],
    ['overloaded', 'OVERLOADED', 1000],
    { one: 1 },
  ]);
});
