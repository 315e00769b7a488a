import assert from 'node:assert/strict';
import { it } from 'node:test';
import { QueryWorker } from './query-worker.ts';
import { resolveSettings } from './settings.ts';

it('a worker that dies fails each of its queries and is known to be dead', async () => {
  const worker = new QueryWorker(resolveSettings({}));
  const request = {
    id: 1,
    tenant: 'default',
    sql: 'select count(*) from range(100000000) a, range(10) b',
    parameters: {},
    tables: {},
    nowMs: 0,
    maxRows: 1,
    maxResultBytes: 1,
  };
  const heard = await new Promise<{ kind: string }>((resolve) => {
    worker.start(request, resolve);
    worker.send({ kind: 'nonsense' } as never);
  });
  assert.deepEqual(
    { kind: heard.kind, code: (heard as unknown as { error: { code: string } }).error.code },
    { kind: 'error', code: 'INTERNAL' },
  );
  assert.equal(worker.isDead, true);
});
