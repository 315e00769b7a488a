import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { before, describe, test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { unfinishedName } from '../file-paths.ts';
import { metaOf, pathOf } from '../parquet/file-schema.ts';
import { footerBytes, TAIL_BYTES } from '../parquet/footer-bytes.ts';
import { FILE, GROUP, PAGE, PAGE_TYPE } from '../parquet/metadata-fields.ts';
import { chunkRange, pagesOf } from '../parquet/parquet-pages.ts';
import { integer, readThrift, structsIn, type ThriftStruct } from '../parquet/thrift.ts';
import { alikeRows, dealt } from '../testing/alike-rows.ts';
import { ALL_TIME, Place, pattern } from '../testing/merge-place.ts';

const FLIPS = 75;
const ROWS = 500;
const MOST_MS = 5000;

/** Bytes of a file, from the first to before the last. */
interface Part {
  readonly from: number;
  readonly to: number;
}

for (const compression of ['none', 'zstd'] as const) {
  describe(`a file with pages of ${compression} and one byte that is another`, () => {
    const place = new Place('traces', compression);
    for (const rows of dealt(alikeRows('traces', 1, ROWS), 2, new SeededRandom(1))) place.add(rows);
    const { path } = place.inputs[0]!;
    const whole = readFileSync(path);
    const { headers, bodies, footer } = partsOf(whole);
    let wanted: readonly string[];
    before(async () => {
      assert.ok(await isMerged(place));
      wanted = await rowsOf(place);
    });

    test('in the head of a page is refused, or gives the same rows', () =>
      flipEach(headers, async () => assert.deepEqual(await rowsOf(place), wanted)));

    // A text that is none is left to who reads it.
    test('among the values of a page is refused, or gives as many rows', () =>
      flipEach(bodies, () => checkCount(/is not valid UTF8/)));

    // A merge fails when its file cannot be read.
    test('in the metadata is refused, or gives as many rows', () => flipEach([footer], () => checkCount(/Error: /)));

    test('that is not there any more, nor what is behind it, is refused', async () => {
      const random = new SeededRandom(4);
      for (let i = 0; i < FLIPS / 3; i++) {
        const length = random.below(whole.length);
        writeFileSync(path, whole.subarray(0, length));
        assert.ok(!(await isMerged(place)), `${length} bytes`);
      }
    });

    async function checkCount(mayBe: RegExp): Promise<void> {
      const count = await rowsOf(place).then(
        (rows) => rows.length,
        (error) => {
          assert.match(String(error), mayBe);
          return ROWS;
        },
      );
      assert.equal(count, ROWS);
    }

    async function flipEach(parts: readonly Part[], checkMerged: () => Promise<void>): Promise<void> {
      const random = new SeededRandom(3);
      const wrong: string[] = [];
      let refused = 0;
      for (let i = 0; i < FLIPS; i++) {
        const { from, to } = random.pick(parts);
        const at = from + random.below(to - from);
        const bit = random.below(8);
        const damaged = Uint8Array.from(whole);
        damaged[at]! ^= 1 << bit;
        writeFileSync(path, damaged);
        try {
          if (await isMerged(place)) await checkMerged();
          else refused++;
        } catch (error) {
          wrong.push(`byte ${at}, bit ${bit}: ${firstLine(error)}`);
        }
      }
      assert.deepEqual(wrong, []);
      assert.ok(refused > 0);
    }
  });
}

test('a file with an index of more bits than one may have is refused', async () => {
  const place = new Place('traces');
  for (const rows of dealt(alikeRows('traces', 2, ROWS), 2, new SeededRandom(2))) place.add(rows);
  const { path } = place.inputs[0]!;
  const file = readFileSync(path);
  const chunk = chunksOf(file).find((own) => pathOf(own)[0] === 'span_kind')!;
  const { start, end } = chunkRange(metaOf(chunk));
  const [dictionary, data] = pagesOf(file.subarray(start, end));
  assert.equal(dictionary?.type, PAGE_TYPE.dictionary);
  // 32 bits, and a run of 8191 times -1.
  data!.body.set([32, 0xfe, 0x7f, 0xff, 0xff, 0xff, 0xff]);
  writeFileSync(path, file);
  assert.ok(!(await isMerged(place)));
});

function firstLine(error: unknown): string {
  return String(error).split('\n')[0]!;
}

/** @returns false when the inputs were refused: then there is no file */
async function isMerged(place: Place): Promise<boolean> {
  const start = performance.now();
  let files: readonly unknown[] | undefined;
  try {
    files = await place.mergeByLeaves([ALL_TIME]);
  } catch (error) {
    assert.ok(isOpenWitError(error), String(error));
  }
  assert.ok(performance.now() - start < MOST_MS);
  assert.ok(!existsSync(unfinishedName(place.output(0))));
  return files !== undefined;
}

async function rowsOf(place: Place): Promise<string[]> {
  const rows = await place.queryRows(
    `SELECT to_json(t)::VARCHAR AS row FROM ${pattern(place.output(0))} t ORDER BY service_name, timestamp, row`,
  );
  return rows.map(([row]) => String(row));
}

function partsOf(file: Uint8Array): { headers: Part[]; bodies: Part[]; footer: Part } {
  const headers: Part[] = [];
  const bodies: Part[] = [];
  for (const { start, end } of chunksOf(file).map(metaOf).map(chunkRange)) {
    for (let at = start; at < end; ) {
      const { struct: header, end: bodyAt } = readThrift(file, at);
      headers.push({ from: at, to: bodyAt });
      at = bodyAt + integer(header, PAGE.compressedBytes)!;
      if (at > bodyAt) bodies.push({ from: bodyAt, to: at });
    }
  }
  return { headers, bodies, footer: { from: footerAt(file), to: file.length } };
}

function chunksOf(file: Uint8Array): ThriftStruct[] {
  const { struct: footer } = readThrift(file, footerAt(file));
  return structsIn(footer, FILE.rowGroups).flatMap((group) => structsIn(group, GROUP.columns));
}

function footerAt(file: Uint8Array): number {
  return file.length - TAIL_BYTES - footerBytes(file);
}
