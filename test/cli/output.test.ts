import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { openwit, spawnOpenwit } from '../support/openwit-command.ts';

const MANY_ROWS = ['sql', 'select * from range(200000)', '--data-dir', ':memory:'];

test('a table has as many rows as the answer', async () => {
  const { code, out, err } = await openwit(MANY_ROWS);
  assert.deepEqual([code, err], [0, '']);
  assert.ok(out.endsWith('\n199999\n200000 rows\n'), out.slice(-100));
});

for (const format of ['table', 'json', 'csv']) {
  test(`a reader that closes the output ends the command without a word, --format ${format}`, async () => {
    const child = spawnOpenwit([...MANY_ROWS, '--format', format]);
    let err = '';
    child.stderr!.setEncoding('utf8').on('data', (piece) => (err += piece));
    child.stdout!.once('data', () => child.stdout!.destroy());
    const [code] = await once(child, 'close');
    assert.deepEqual([code, err], [0, '']);
  });
}

test('a name that every object has is no command', async () => {
  for (const args of [['toString'], ['help', 'constructor'], ['constructor', '--help'], ['help', 'fly']]) {
    const { code, out, err } = await openwit(args);
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, /^openwit: no such command, command=\w+\n/);
  }
});

test('a decimal has all its digits in every format, also in a list', async () => {
  const statement =
    'select 1.10::decimal(3,2) as d, [2.50::decimal(3,2), null] as l, 0.5::double as f, 1e300::double as e';
  const ask = async (format: string) =>
    (await openwit(['sql', statement, '--data-dir', ':memory:', '--format', format])).out;
  assert.equal(await ask('csv'), 'd,l,f,e\r\n1.10,"[2.50,null]",0.5,1e+300\r\n');
  assert.deepEqual((await ask('table')).split('\n').slice(2), ['1.10  [2.50,null]  0.5  1e+300', '1 row', '']);
  assert.match(await ask('json'), /"rows":\[\[1\.10,\[2\.50,null\],0\.5,1e\+300\]\]/);
});
