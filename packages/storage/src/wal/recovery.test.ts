import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileSystem, OpenFile, WalStats } from '@openwit/ports';
import { FaultyFileSystem, MemoryFileSystem, replayAll, SeededRandom, walRecord } from '@openwit/ports/testing';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { SegmentedWal } from './segmented-wal.ts';

const FOLDER = '/wal';

test('a log truncated at every byte of its last frames replays every frame before the cut', async () => {
  const { content, ends } = await smallLog(4);
  const lengths = Array.from({ length: content.length + 1 }, (_, length) => length);
  for (const length of lengths.filter((bytes) => bytes < 80 || bytes > 4080)) {
    const fileSystem = await diskWith(content.subarray(0, length));
    const wal = await open(fileSystem);
    const whole = ends.filter((end) => end <= length).length;
    assert.deepEqual(await replayedTexts(wal), texts(whole), `cut at ${length}`);
    const torn = length <= SEGMENT_HEADER_BYTES ? 0 : length - (ends[whole - 1] ?? SEGMENT_HEADER_BYTES);
    if (length >= SEGMENT_HEADER_BYTES) assert.equal(wal.stats().tornBytes, torn);
    assert.equal(wal.stats().damagedFrames, 0);
    await wal.append(walRecord(99));
    await wal.close();
    const again = await open(fileSystem);
    assert.deepEqual(await replayedTexts(again), [...texts(whole), 'payload 99']);
    assert.equal(again.stats().tornBytes, 0);
    await again.close();
  }
});

test('with any byte damaged every other frame is replayed, the damage is counted and the start goes on', async () => {
  const { content, ends } = await smallLog(4);
  const { length } = content;
  const offsets = Array.from({ length }, (_, at) => at).filter((at) => at < 64 || at >= 4096); // between is nothing
  for (const at of offsets) {
    const damaged = Buffer.from(content);
    damaged[at]! ^= 1 << (at % 8);
    const fileSystem = await diskWith(damaged);
    const wal = await open(fileSystem);
    const hit = at < SEGMENT_HEADER_BYTES ? -1 : ends.findIndex((end) => at < end);
    assert.deepEqual(
      await replayedTexts(wal),
      texts(4).filter((_, i) => i !== hit),
      `flip at ${at}`,
    );
    const { damagedFrames, tornBytes } = wal.stats();
    // Only a last frame whose length says more than there is looks like one that a crash tore.
    const isLength = hit === 3 && at >= ends[2]! + 12 && at < ends[2]! + 44 && tornBytes > 0;
    assert.deepEqual([damagedFrames, tornBytes > 0], isLength ? [0, true] : [1, false], `flip at ${at} is counted`);
    if (!isLength) assert.equal((await fileSystem.list(`${FOLDER}/damaged`)).length, 1);
    await wal.append(walRecord(99));
    await wal.close();
  }
});

test('a last frame that was written whole and is damaged is kept for repair, not cut away', async () => {
  const { content, ends } = await smallLog(3);
  const damaged = Buffer.from(content);
  damaged[damaged.length - 1]! ^= 1;
  const fileSystem = await diskWith(damaged);
  fileSystem.capacityBytes = damaged.length; // as long as it cannot be copied it stays where it is
  const full = await open(fileSystem);
  assert.deepEqual([full.stats().damagedFrames, full.stats().tornBytes], [1, 0]);
  await full.close();
  fileSystem.capacityBytes = Infinity;
  const wal = await open(fileSystem);
  assert.deepEqual([wal.stats().damagedFrames, wal.stats().tornBytes], [1, 0]);
  await wal.append(walRecord(99));
  await wal.close();
  const [copy] = await fileSystem.list(`${FOLDER}/damaged`);
  const file = await fileSystem.open(`${FOLDER}/damaged/${copy!.name}`, 'read');
  const bytes = Buffer.alloc(copy!.sizeBytes);
  await file.read(bytes, 0);
  assert.deepEqual(bytes, damaged.subarray(ends[1]!));
  const again = await open(fileSystem);
  assert.deepEqual(await replayedTexts(again), [...texts(2), 'payload 99']);
  await again.close();
});

test('a segment that lies there twice is replayed once, the copy is set aside, whatever its name', async () => {
  const { content } = await smallLog(4);
  for (const copyName of ['00000000000000ff-000000000002.wal', '0000000000000003-000000000002.wal', EARLIER]) {
    const fileSystem = await diskWith(content);
    await writeFile(fileSystem, `${FOLDER}/${copyName}`, content);
    const wal = await open(fileSystem);
    assert.deepEqual(await replayedTexts(wal), texts(4), copyName);
    assert.equal(wal.stats().damagedFrames, 1);
    const [copy] = await fileSystem.list(`${FOLDER}/damaged`);
    assert.equal(copy!.sizeBytes, content.length);
    const lsn = await wal.append(walRecord(99));
    await wal.close();
    const again = await open(fileSystem);
    assert.deepEqual(await replayedTexts(again), [...texts(4), 'payload 99']);
    assert.ok((await again.append(walRecord(100))) > lsn);
    await again.close();
  }
});

test('frames that stand in a file twice are replayed once, and what follows them too', async () => {
  const { content, ends } = await smallLog(4);
  const frames = content.subarray(SEGMENT_HEADER_BYTES);
  const middle = [content.subarray(0, ends[1]), content.subarray(ends[0], ends[1]), content.subarray(ends[1])];
  for (const pieces of [[content, frames], [content, content], middle]) {
    const fileSystem = await diskWith(Buffer.concat(pieces));
    const wal = await open(fileSystem);
    assert.deepEqual(await replayedTexts(wal), texts(4));
    assert.deepEqual([wal.stats().damagedFrames, wal.stats().tornBytes], [1, 0]);
    assert.equal((await fileSystem.list(`${FOLDER}/damaged`)).length, 1);
    await wal.close();
  }
});

test('damage is copied away once, byte for byte', async () => {
  const { content, ends } = await smallLog(3);
  const damaged = Buffer.from(content);
  damaged.fill(0xff, ends[0]! + 60, ends[0]! + 64);
  const fileSystem = await diskWith(damaged);
  for (let start = 0; start < 3; start++) {
    const wal = await open(fileSystem);
    assert.equal(wal.stats().damagedFrames, 1);
    await wal.close();
  }
  const [copy, ...others] = await fileSystem.list(`${FOLDER}/damaged`);
  assert.equal(others.length, 0);
  const file = await fileSystem.open(`${FOLDER}/damaged/${copy!.name}`, 'read');
  const bytes = Buffer.alloc(copy!.sizeBytes);
  await file.read(bytes, 0);
  assert.deepEqual(bytes, damaged.subarray(ends[0]!, ends[1]!));
});

test('a frame inside a payload is not taken for a frame', async () => {
  const { content } = await smallLog(2);
  const fileSystem = new MemoryFileSystem();
  const first = await open(fileSystem);
  await first.append(walRecord(0, { payload: content }));
  await first.append(walRecord(1));
  await first.close();
  const [segment] = await fileSystem.list(FOLDER);
  const file = await fileSystem.open(`${FOLDER}/${segment!.name}`, 'write');
  await file.write([Buffer.from('broken')], SEGMENT_HEADER_BYTES + 20);
  const second = await open(fileSystem);
  assert.deepEqual(await replayedTexts(second), ['payload 1']);
  await second.close();
});

test('a torn tail is cut before anything is appended, and stays cut', async () => {
  const { content, ends } = await smallLog(3);
  const fileSystem = await diskWith(content.subarray(0, ends[2]! - 1));
  for (let start = 0; start < 4; start++) {
    const wal = await open(fileSystem);
    assert.equal(wal.stats().tornBytes, start === 0 ? ends[2]! - 1 - ends[1]! : 0);
    await wal.append(walRecord(100 + start));
    await wal.close();
  }
  const last = await open(fileSystem);
  const later = [100, 101, 102, 103].map((i) => `payload ${i}`);
  assert.deepEqual(await replayedTexts(last), [...texts(2), ...later]);
  await last.close();
});

test('a power cut at every operation of a recovery leaves a log that recovers', async () => {
  const { content, ends } = await smallLog(5);
  const damaged = Buffer.from(content);
  damaged[ends[1]! + 50]! ^= 1;
  const torn = damaged.subarray(0, ends[4]! - 3);
  const undamaged = [0, 1, 3].map((i) => `payload ${i}`);
  for (let seed = 0; seed < 3; seed++) {
    for (let operation = 1; ; operation++) {
      const fileSystem = await diskWith(torn);
      const stopped = fileSystem.stopAt(fileSystem.operations + operation);
      const opened = open(fileSystem).then((wal) => wal.append(walRecord(99)));
      const end = await Promise.race([stopped.then(() => 'stopped'), opened]);
      fileSystem.powerCut(new SeededRandom(seed * 1000 + operation));
      const wal = await open(fileSystem);
      const replayed = await replayedTexts(wal);
      assert.deepEqual(
        replayed.filter((text) => text !== 'payload 99'),
        undamaged,
      );
      if (end !== 'stopped') assert.ok(replayed.includes('payload 99'));
      await wal.append(walRecord(7));
      await wal.close();
      if (end !== 'stopped') break;
    }
  }
});

test('a log twenty times the memory limit is replayed within it', async () => {
  const limit = 1 << 20;
  const fileSystem = new MemoryFileSystem();
  const first = await open(fileSystem, 4 * limit);
  for (let i = 0; i < 20; i++) {
    await Promise.all(
      Array.from({ length: 16 }, () => first.append(walRecord(i, { payload: new Uint8Array(limit / 16) }))),
    );
  }
  await first.close();
  const metered = new MeteredReads(fileSystem);
  const second = await SegmentedWal.open({ fileSystem: metered }, { folder: FOLDER });
  let bytes = 0;
  for await (const { payload } of second.replay()) bytes += payload.length;
  assert.equal(bytes, 20 * limit);
  assert.ok(metered.largestRead <= limit / 2, `largest buffer ${metered.largestRead}`);
  await second.close();
});

test('a length that lies allocates nothing', async () => {
  const { content } = await smallLog(2);
  const lying = Buffer.from(content);
  lying.writeUInt32LE(0xffff_ffff, SEGMENT_HEADER_BYTES + 12);
  const metered = new MeteredReads(await diskWith(lying));
  const wal = await SegmentedWal.open({ fileSystem: metered }, { folder: FOLDER });
  assert.deepEqual(await replayedTexts(wal), ['payload 1']);
  assert.ok(metered.largestRead <= 256 * 1024);
  await wal.close();
});

for (const bytes of [512, 4096]) {
  test(`the first ${bytes} bytes of a segment can be lost without a record, and so can the page after them`, async () => {
    const { content } = await smallLog(3);
    const damaged = Buffer.from(content);
    damaged.fill(0, 0, bytes);
    const wal = await open(await diskWith(damaged));
    assert.deepEqual(await replayedTexts(wal), texts(3));
    assert.equal(wal.stats().damagedFrames, 1);
    await wal.close();
  });
}

test('a rejected record is not replayed when the header that says so is damaged', async () => {
  const memory = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(memory);
  const wal = await open(faulty);
  await wal.append(walRecord(1));
  const [rejecting] = await memory.list(FOLDER);
  faulty.fail('EIO', { operation: 'sync', times: 1 });
  const uncut = faulty.fail('EIO', { operation: 'truncate', times: Infinity });
  await assert.rejects(wal.append(walRecord(2)));
  await wal.append(walRecord(3));
  await wal.close();
  const next = (await memory.list(FOLDER)).find(({ name }) => name !== rejecting!.name)!;
  const file = await memory.open(`${FOLDER}/${next.name}`, 'write');
  await file.write([new Uint8Array(4096)], 0);
  const again = await open(faulty);
  assert.deepEqual(await replayedTexts(again), ['payload 1', 'payload 3']);
  await again.close();
  uncut.clear();
});

test('a segment with both headers damaged is set aside whole, and numbers go on', async () => {
  const { content } = await smallLog(3);
  const damaged = Buffer.from(content);
  damaged[20]! ^= 1;
  damaged[4096 + 20]! ^= 1;
  const fileSystem = await diskWith(damaged);
  const wal = await open(fileSystem);
  assert.deepEqual(await replayedTexts(wal), []);
  assert.equal(wal.stats().damagedFrames, 1);
  assert.ok((await wal.append(walRecord(0))) > 4);
  await wal.close();
});

test('folders named like segments stop neither the start nor the appends', async () => {
  const { content } = await smallLog(2);
  const fileSystem = await diskWith(content);
  const { nextLsn } = await statsOf(fileSystem);
  const next = `${nextLsn.toString(16).padStart(16, '0')}-000000000002.wal`;
  for (const name of [next, '0000000000000fff-000000000002.wal', 'damaged']) {
    await fileSystem.makeFolder(`${FOLDER}/${name}/${name}`);
  }
  const wal = await open(fileSystem);
  assert.deepEqual(await replayedTexts(wal), texts(2));
  // The name is taken: the log says so once, and goes on under another.
  await wal.append(walRecord(2)).catch(() => wal.append(walRecord(2)));
  await wal.close();
  const again = await open(fileSystem);
  assert.deepEqual(await replayedTexts(again), texts(3));
  await again.close();
});

/** Sees how large the buffers are that reads ask for. */
class MeteredReads implements Pick<FileSystem, 'open'> {
  largestRead = 0;
  readonly #inner: FileSystem;
  readonly list: FileSystem['list'];
  readonly link: FileSystem['link'];
  readonly rename: FileSystem['rename'];
  readonly remove: FileSystem['remove'];
  readonly makeFolder: FileSystem['makeFolder'];
  readonly syncFolder: FileSystem['syncFolder'];

  constructor(inner: FileSystem) {
    this.#inner = inner;
    this.list = (path) => inner.list(path);
    this.link = (path, name) => inner.link(path, name);
    this.rename = (from, to) => inner.rename(from, to);
    this.remove = (path) => inner.remove(path);
    this.makeFolder = (path) => inner.makeFolder(path);
    this.syncFolder = (path) => inner.syncFolder(path);
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<OpenFile> {
    const file = await this.#inner.open(path, mode);
    const read: OpenFile['read'] = (target, position) => {
      this.largestRead = Math.max(this.largestRead, target.length);
      return file.read(target, position);
    };
    return { ...file, read };
  }
}

function open(fileSystem: FileSystem, segmentBytes = 1 << 20): Promise<SegmentedWal> {
  return SegmentedWal.open({ fileSystem }, { folder: FOLDER, segmentBytes });
}

const NAME = '0000000000000001-000000000001.wal';
const EARLIER = '0000000000000000-000000000001.wal';

/** The bytes of a one-segment log of `count` records, and where each frame ends. */
async function smallLog(count: number): Promise<{ content: Buffer; ends: number[] }> {
  const fileSystem = new MemoryFileSystem();
  const wal = await open(fileSystem);
  const ends: number[] = [];
  for (let i = 0; i < count; i++) {
    await wal.append(walRecord(i, i === 1 ? { source: { source: 'kafka/a/1', next: 5 } } : {}));
    ends.push(wal.stats().bytes);
  }
  await wal.close();
  const file = await fileSystem.open(`${FOLDER}/${NAME.replace('-000000000001', '-000000000002')}`, 'read');
  const content = Buffer.alloc(await file.size());
  await file.read(content, 0);
  return { content, ends };
}

async function diskWith(content: Uint8Array): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeFolder(FOLDER);
  await fileSystem.syncFolder('/');
  await writeFile(fileSystem, `${FOLDER}/${NAME}`, content);
  return fileSystem;
}

async function writeFile(fileSystem: FileSystem, path: string, content: Uint8Array): Promise<void> {
  const file = await fileSystem.open(path, 'create');
  await file.write([content], 0);
  await file.sync();
  await file.close();
  await fileSystem.syncFolder(FOLDER);
}

async function statsOf(fileSystem: FileSystem): Promise<WalStats> {
  const wal = await open(fileSystem);
  await wal.close();
  return wal.stats();
}

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `payload ${i}`);
}

async function replayedTexts(wal: SegmentedWal): Promise<string[]> {
  return (await replayAll(wal)).map(({ payload }) => Buffer.from(payload).toString());
}
