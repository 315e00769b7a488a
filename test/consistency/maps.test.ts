import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenWit } from '@openwit/core';
import { otlpJsonToProtobuf } from '@openwit/transport';

const KEYS = Array.from({ length: 40 }, (_, i) => `key.${i}`);

/** A log record whose attributes, and its resource's, come in the given order; one has no value. */
function request(keys: readonly string[]): Uint8Array {
  const attributes = keys.map((key) => ({ key, value: key === 'key.3' ? {} : { stringValue: `of ${key}` } }));
  const logRecords = [{ body: { stringValue: 'the same' }, attributes }];
  const body = { resourceLogs: [{ resource: { attributes: attributes.slice(0, 5) }, scopeLogs: [{ logRecords }] }] };
  return otlpJsonToProtobuf('logs', Buffer.from(JSON.stringify(body)));
}

test('equal attributes are equal maps, in whatever order they came, in memory and in files', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-maps-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  await using wit = await OpenWit.open({ dataDir });
  const orders = [KEYS, [...KEYS.slice(0, 5).toReversed(), ...KEYS.slice(5).toReversed()]];
  const differences = async () => {
    const [row] = await wit.sql`
      select count(distinct attributes) as attributes, count(distinct resource_attributes) as resources,
             count(distinct attribute_types) as types, count(*) as n from logs`;
    return row;
  };
  for (const keys of orders) await wit.ingest({ tenant: 'default', signal: 'logs', payload: request(keys) });
  assert.deepEqual(await differences(), { attributes: 1n, resources: 1n, types: 1n, n: 2n });
  await wit.flush();
  assert.deepEqual(await differences(), { attributes: 1n, resources: 1n, types: 1n, n: 2n });
  for (const keys of orders) await wit.ingest({ tenant: 'default', signal: 'logs', payload: request(keys) });
  assert.deepEqual(await differences(), { attributes: 1n, resources: 1n, types: 1n, n: 4n });
});
