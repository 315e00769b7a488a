import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenWitError, SIGNALS, type Signal, withEntryCounts } from '@openwit/ports';
import { expectedRows } from '../testing/expected-rows.ts';
import { RandomRequests } from '../testing/random-requests.ts';
import { rowsOf } from '../testing/rows-of.ts';
import { createOtlpBatch, type OtlpBatch } from './batch.ts';

const LIMITS = { maxRecords: 1_000_000 };

for (const signal of SIGNALS) {
  test(`every field of ${signal} is what an independent decoder reads`, () => {
    for (let seed = 1; seed <= 300; seed++) {
      const payload = new RandomRequests(seed).next(signal);
      const batch = createOtlpBatch(signal);
      const result = batch.append(payload, LIMITS);
      const expected = expectedRows(signal, payload);
      assert.deepEqual(result, { accepted: expected.length, rejected: 0, message: '' }, `seed ${seed}`);
      assert.deepEqual(rowsOf(batch), expected, `seed ${seed}`);
    }
  });

  test(`requests of ${signal} add up in one batch that grows from small buffers`, () => {
    const requests = new RandomRequests(7);
    const payloads = Array.from({ length: 200 }, () => requests.next(signal));
    const batch = createOtlpBatch(signal, { expectedRows: 1 });
    for (const payload of payloads) batch.append(payload, LIMITS);
    assert.deepEqual(
      rowsOf(batch),
      payloads.flatMap((payload) => expectedRows(signal, payload)),
    );
  });

  test(`a request of ${signal} that is cut at any byte is refused, or is a whole smaller one`, () => {
    const payload = new RandomRequests(3).next(signal);
    const batch = createOtlpBatch(signal);
    batch.append(new RandomRequests(4).next(signal), LIMITS);
    for (let length = 0; length < payload.length; length++) {
      const cut = payload.slice(0, length);
      const before = stateOf(batch);
      const mark = batch.mark();
      try {
        batch.append(cut, LIMITS);
      } catch (error) {
        assert.ok(isOpenWitError(error) && error.code === 'MALFORMED_OTLP', String(error));
        assert.ok(Number(error.details.offset) <= length);
        assert.deepEqual(stateOf(batch), before);
        continue;
      }
      const fresh = createOtlpBatch(signal);
      fresh.append(cut, LIMITS);
      assert.deepEqual(rowsOf(fresh), expectedRows(signal, cut));
      batch.truncate(mark);
      assert.deepEqual(stateOf(batch), before);
    }
  });

  test(`after going back to a mark, a batch of ${signal} is byte for byte as it was and takes other requests`, () => {
    const requests = new RandomRequests(11);
    const [first, second, third] = [requests.next(signal), requests.next(signal), requests.next(signal)];
    const batch = createOtlpBatch(signal);
    batch.append(first, LIMITS);
    const mark = batch.mark();
    const before = stateOf(batch);
    batch.append(second, LIMITS);
    batch.truncate(mark);
    assert.deepEqual(stateOf(batch), before);
    batch.append(third, LIMITS);
    assert.deepEqual(rowsOf(batch), [...expectedRows(signal, first), ...expectedRows(signal, third)]);
  });

  test(`views of a batch of ${signal} show the rows of later appends for as long as the generation stays`, () => {
    const requests = new RandomRequests(5);
    const batch = createOtlpBatch(signal, { expectedRows: 10_000 });
    let columns = batch.columns();
    let generation = batch.generation;
    for (let i = 0; i < 60; i++) {
      batch.append(requests.next(signal), LIMITS);
      if (batch.generation !== generation) columns = batch.columns();
      generation = batch.generation;
      const viewed = { ...batchView(batch), columns: () => [...withEntryCounts(signal, columns, batch.entryCounts)] };
      assert.deepEqual(rowsOf(viewed), rowsOf(batch));
    }
  });

  test(`equal resources of ${signal} are one entry, over requests too`, () => {
    const payload = new RandomRequests(8).next(signal);
    const batch = createOtlpBatch(signal, { expectedRows: 10_000 });
    batch.append(payload, LIMITS);
    const { entryCounts } = batch;
    batch.append(payload, LIMITS);
    assert.deepEqual(batch.entryCounts, entryCounts);
  });

  test(`a batch of ${signal} that was emptied fills like a new one, in the same buffers`, () => {
    const requests = new RandomRequests(9);
    const batch = createOtlpBatch(signal);
    const empty = batch.mark();
    for (let i = 0; i < 40; i++) batch.append(requests.next(signal), LIMITS);
    const { generation } = batch;
    for (let round = 0; round < 20; round++) {
      batch.truncate(empty);
      const payload = requests.next(signal);
      batch.append(payload, LIMITS);
      assert.deepEqual(rowsOf(batch), expectedRows(signal, payload));
    }
    assert.equal(batch.generation, generation);
  });
}

/** The batch's own values are getters of its prototype. */
function batchView(batch: OtlpBatch): OtlpBatch {
  const { signal, rows, byteLength, capacityBytes, generation, entryCounts } = batch;
  return { ...batch, signal, rows, byteLength, capacityBytes, generation, entryCounts };
}

/** All that a reader can see, and the sizes. */
function stateOf(batch: OtlpBatch): unknown {
  return { rows: rowsOf(batch), byteLength: batch.byteLength, mark: batch.mark() };
}

test('a batch starts empty and has all columns', () => {
  for (const signal of SIGNALS satisfies readonly Signal[]) {
    const batch = createOtlpBatch(signal);
    assert.equal(batch.rows, 0);
    assert.deepEqual(rowsOf(batch), []);
  }
});

test('a request whose resource would be too much with a value a row is refused, alone or behind others', () => {
  const attribute = lengthDelimited(
    1,
    Buffer.concat([lengthDelimited(1, Buffer.from('wide')), value('x'.repeat(60_000))]),
  );
  const record = Buffer.of(0x12, 0);
  const wide = (rows: number) => request(attribute, Buffer.concat(Array.from({ length: rows }, () => record)));
  const batch = createOtlpBatch('logs');
  assert.equal(batch.append(wide(5000), LIMITS).accepted, 5000);
  const before = batch.mark();
  assert.throws(() => batch.append(wide(5000), LIMITS), { code: 'OVERLOADED' });
  assert.deepEqual(batch.mark(), before);
  assert.throws(() => createOtlpBatch('logs').append(wide(10_000), LIMITS), { code: 'REQUEST_TOO_LARGE' });
});

function request(resourceAttribute: Uint8Array, records: Uint8Array): Uint8Array {
  const resource = lengthDelimited(1, resourceAttribute);
  return lengthDelimited(1, Buffer.concat([resource, lengthDelimited(2, records)]));
}

function value(text: string): Buffer {
  return lengthDelimited(2, lengthDelimited(1, Buffer.from(text)));
}

function lengthDelimited(field: number, content: Uint8Array): Buffer {
  const head = [(field << 3) | 2];
  for (let rest = content.length; ; rest >>>= 7) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.concat([Buffer.from(head), content]);
  }
}
