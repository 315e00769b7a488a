import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type IngestSink, OpenWitError } from '@openwit/ports';
import { DrivenClock } from '@openwit/ports/testing';
import { DurableQueue, type ExportResult } from './durable-queue.ts';

const MIB = 1024 * 1024;
const TARGET = { signal: 'traces', tenant: 'default' } as const;
const DONE = { accepted: 1, rejected: 0, message: '' };

test('exports that wait are bounded by their bytes, and what was refused was not taken', async () => {
  const gate = Promise.withResolvers<void>();
  const taken: number[] = [];
  const sink: IngestSink = {
    ingest: async ({ payload }) => {
      await gate.promise;
      taken.push(payload.length);
      return DONE;
    },
  };
  const queue = new DurableQueue({ sink, clock: new DrivenClock() }, TARGET);
  const results: ExportResult[] = [];
  for (let i = 0; i < 40; i++) {
    queue.export(
      () => ({ payload: new Uint8Array(MIB) }),
      (result) => results.push(result),
    );
    await nextTurn();
  }
  assert.equal(results.length, 8);
  for (const { error } of results) assert.ok(error instanceof OpenWitError && error.code === 'OVERLOADED');
  gate.resolve();
  await queue.forceFlush();
  assert.equal(taken.length, 32);
  assert.equal(results.filter(({ code }) => code === 0).length, 32);
});

test('an export whose records are not all there fails, when the others are on disk', async () => {
  const taken: number[] = [];
  const sink: IngestSink = {
    ingest: async ({ payload }) => {
      taken.push(payload.length);
      return DONE;
    },
  };
  const queue = new DurableQueue({ sink, clock: new DrivenClock() }, TARGET);
  const error = new OpenWitError('invalid', 'MALFORMED_OTLP', 'one was left out');
  const result = await new Promise<ExportResult>((resolve) =>
    queue.export(() => ({ payload: Uint8Array.of(1), error }), resolve),
  );
  assert.deepEqual(result, { code: 1, error });
  assert.deepEqual(taken, [1]);
});
