import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '@openwit/ports/testing';
import { type CompactionSettings, DEFAULT_COMPACTION, type PlannedFile, planCompaction } from './plan-compaction.ts';

const MIB = 1024 * 1024;
const HOUR_NS = 3_600_000_000_000n;
const HOUR_MS = 3_600_000;
const START = 500_000n * HOUR_NS;
const IN_THE_HOUR = 500_000 * HOUR_MS + 60_000;
const AFTER_THE_HOUR = 500_001 * HOUR_MS + 1;

let lastId = 0;

function file(parts: Partial<PlannedFile> & { readonly hour?: bigint; readonly hours?: bigint } = {}): PlannedFile {
  const { hour = 0n, hours = 1n, ...rest } = parts;
  const minTimestampNs = START + hour * HOUR_NS;
  const maxTimestampNs = minTimestampNs + hours * HOUR_NS - 1n;
  return { fileId: ++lastId, sizeBytes: MIB, generation: 0, minTimestampNs, maxTimestampNs, ...rest };
}

const files = (count: number, parts: Parameters<typeof file>[0] = {}) =>
  Array.from({ length: count }, () => file(parts));
const old = () => Infinity;
const ids = (list: readonly PlannedFile[]) => list.map(({ fileId }) => fileId);

describe('files of an hour', () => {
  test('are merged when there are many of a generation', () => {
    assert.deepEqual(planCompaction(files(7), IN_THE_HOUR, old), []);
    const many = files(9);
    const [job, ...others] = planCompaction(many, IN_THE_HOUR, old);
    assert.deepEqual(ids(job!.files), ids(many));
    assert.deepEqual(job!.spans, [{ fromNs: START, toNs: START + HOUR_NS }]);
    assert.equal(others.length, 0);
    assert.deepEqual(planCompaction([...files(7), ...files(7, { generation: 1 })], IN_THE_HOUR, old), []);
  });

  test('are merged when there are very many, if they are not small', () => {
    const sizeBytes = 4 * MIB;
    assert.deepEqual(planCompaction(files(31, { sizeBytes }), IN_THE_HOUR, old), []);
    assert.equal(planCompaction(files(32, { sizeBytes }), IN_THE_HOUR, old)[0]!.files.length, 32);
    const mixed = [...files(2, { sizeBytes }), ...files(6)];
    assert.equal(planCompaction(mixed, IN_THE_HOUR, old)[0]!.files.length, 8, 'small on average');
  });

  test('are merged a bounded number at a time, however many and small they are', () => {
    const many = files(1000, { sizeBytes: 1000 });
    const jobs = planCompaction(many, IN_THE_HOUR, old);
    assert.deepEqual(
      jobs.map((job) => job.files.length),
      [256, 256, 256, 232],
    );
    assert.deepEqual(
      jobs.flatMap((job) => ids(job.files)),
      ids(many),
    );
  });

  test('are merged when the hour is over and quiet, and not before', () => {
    const some = files(3);
    assert.deepEqual(planCompaction(some, IN_THE_HOUR, old), []);
    assert.deepEqual(
      planCompaction(some, AFTER_THE_HOUR, () => 4999),
      [],
    );
    assert.equal(planCompaction(some, AFTER_THE_HOUR, () => 5000)[0]!.files.length, 3);
    assert.equal(
      planCompaction(files(1), AFTER_THE_HOUR, old).length,
      1,
      'one file from memory is not sorted well yet',
    );
    assert.deepEqual(planCompaction(files(1, { generation: 1 }), AFTER_THE_HOUR, old), []);
  });

  test('that are large, or were written anew often, are left alone when late data comes', () => {
    const large = file({ sizeBytes: 128 * MIB, generation: 1 });
    const worn = file({ generation: 2, sizeBytes: 60 * MIB });
    const late = file();
    const jobs = planCompaction([large, worn, late], AFTER_THE_HOUR, old);
    assert.deepEqual(
      jobs.map((job) => ids(job.files)),
      [[late.fileId]],
    );
  });

  test('of other hours are not merged with them', () => {
    const jobs = planCompaction([...files(2), ...files(2, { hour: 1n })], AFTER_THE_HOUR + HOUR_MS, old);
    assert.deepEqual(
      jobs.map((job) => job.spans.map(({ fromNs }) => fromNs)),
      [[START], [START + HOUR_NS]],
    );
  });

  test('no job reads more than it may', () => {
    const many = files(60, { sizeBytes: 10 * MIB });
    const jobs = planCompaction(many, IN_THE_HOUR, old);
    assert.ok(jobs.length >= 2);
    for (const job of jobs) assert.ok(job.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) <= 256 * MIB);
    const taken = jobs.flatMap((job) => ids(job.files));
    assert.equal(new Set(taken).size, taken.length, 'no file is in two jobs');
  });
});

describe('a file that spans hours', () => {
  test('is cut into those of a day that it may have rows of', () => {
    const [job] = planCompaction([file({ hour: 0n, hours: 3n })], AFTER_THE_HOUR + 24 * HOUR_MS, old);
    assert.deepEqual(
      job!.spans.map(({ fromNs, toNs }) => [(fromNs - START) / HOUR_NS, (toNs - START) / HOUR_NS]),
      [
        [0n, 1n],
        [1n, 2n],
        [2n, 3n],
      ],
    );
  });

  test('of any length is cut into few parts, which hold all of its times', () => {
    const random = new SeededRandom(3);
    for (let i = 0; i < 300; i++) {
      const minTimestampNs = BigInt(Math.floor(random.next() * 2 ** 62));
      const maxTimestampNs = minTimestampNs + BigInt(Math.floor(2 ** (random.next() * 62)));
      const [job] = planCompaction([file({ minTimestampNs, maxTimestampNs })], Infinity, old);
      const { spans } = job!;
      assert.ok(spans.length <= 128, `${spans.length} parts`);
      assert.ok(spans[0]!.fromNs <= minTimestampNs && spans.at(-1)!.toNs > maxTimestampNs);
      for (const [k, span] of spans.entries()) assert.ok(k === 0 || spans[k - 1]!.toNs === span.fromNs);
    }
  });
});

test('whatever comes, rows are written anew seldom, and the files of an hour stay few', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const store = new SimulatedHours(new SeededRandom(seed));
    for (let step = 0; step < 3000; step++) store.step();
    store.finish();
    assert.ok(
      store.writtenBytes <= 3 * store.ingestedBytes,
      `${store.writtenBytes / store.ingestedBytes} times, seed ${seed}`,
    );
    assert.ok(store.mostFilesOfAnHour <= 80, `${store.mostFilesOfAnHour} files, seed ${seed}`);
  }
});

/** Files come into hours, most into the newest and some late, and what is planned is done at once. */
class SimulatedHours {
  readonly #random: SeededRandom;
  readonly #settings: CompactionSettings = DEFAULT_COMPACTION;
  #files: (PlannedFile & { readonly at: number })[] = [];
  #nowMs = IN_THE_HOUR;
  ingestedBytes = 0;
  writtenBytes = 0;
  mostFilesOfAnHour = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  step(): void {
    const random = this.#random;
    this.#nowMs += random.below(20_000);
    const hoursAgo = random.below(10) === 0 ? random.below(5) : 0;
    const hour = BigInt(Math.floor(this.#nowMs / HOUR_MS) - hoursAgo - 500_000);
    const sizeBytes = 1 + random.below(random.below(4) === 0 ? 8 * MIB : MIB);
    this.#files.push({ ...file({ hour, sizeBytes }), at: this.#nowMs });
    this.ingestedBytes += sizeBytes;
    this.writtenBytes += sizeBytes;
    this.#compact(this.#nowMs);
  }

  finish(): void {
    this.#compact(this.#nowMs + 2 * HOUR_MS);
  }

  #compact(nowMs: number): void {
    for (;;) {
      const [job] = planCompaction(this.#files, nowMs, ({ at }) => nowMs - at, this.#settings);
      if (job === undefined) break;
      const gone = new Set(ids(job.files));
      const sizeBytes = job.files.reduce((sum, one) => sum + one.sizeBytes, 0);
      // Stable files take half of what active ones do; merging those again saves nothing.
      const merged = Math.ceil(
        job.files.reduce((sum, one) => sum + one.sizeBytes * (one.generation === 0 ? 0.5 : 1), 0),
      );
      assert.ok(sizeBytes <= this.#settings.maxJobBytes || job.files.length === 1);
      const generation = 1 + Math.max(...job.files.map((one) => one.generation));
      const [first] = job.files;
      this.#files = this.#files.filter(({ fileId }) => !gone.has(fileId));
      this.#files.push({ ...first!, fileId: ++lastId, generation, sizeBytes: merged, at: nowMs });
      this.writtenBytes += merged;
    }
    const counts = Map.groupBy(this.#files, ({ minTimestampNs }) => minTimestampNs / HOUR_NS);
    this.mostFilesOfAnHour = Math.max(this.mostFilesOfAnHour, ...[...counts.values()].map((list) => list.length));
  }
}
