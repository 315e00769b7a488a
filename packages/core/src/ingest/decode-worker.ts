import { parentPort, workerData } from 'node:worker_threads';
import { errorToMessage, isOpenWitError, type Signal, UncountedGarbage } from '@openwit/ports';
import { type BatchMark, createOtlpBatch, type OtlpBatch } from '@openwit/transport/otlp';
import type { BatchLimits, DecodeCommand, DecodeReply, DecodeResult, DecodeSettings } from './decode-protocol.ts';

/** A batch, and its state without rows. */
interface Reusable {
  readonly batch: OtlpBatch;
  readonly empty: BatchMark;
  readonly isRoomy: boolean;
  /** Bytes of its buffers when it was new. */
  readonly madeBytes: number;
}

/** A batch that is being filled, with the way back to each state that is not durable yet. */
interface Slot extends Reusable {
  marks: { readonly rows: number; readonly mark: BatchMark }[];
  sentGeneration: number;
}

const settings = workerData as DecodeSettings;
const port = parentPort!;
const slots = new Map<number, Slot>();
/** Their buffers have the sizes that the signal needs, and their pages are there. */
const reusable: Record<Signal, Reusable[]> = { traces: [], logs: [], metrics: [] };
let reusableBytes = 0;
/** One that is filled, one that is written, and one between them. */
const MAX_REUSABLE_BYTES = 3 * settings.batchBytes;
const garbage = new UncountedGarbage();
/** The request that fills a batch is taken whole. Room that is not used is address space only. */
const ROOM = 1.25;
/** Batches that have room for all their rows from the start. Of many tenants each has few rows, and a page a buffer is much. */
const MAX_ROOMY = 4;
const FEW_ROWS = 64;
/** A batch may run over by the request that fills it, but not without end. */
const filling: BatchLimits = { maxRecords: 2 * settings.batchRows, maxBytes: 2 * settings.batchBytes };

port.on('message', (command: DecodeCommand) => {
  if (command.kind === 'recycle') recycle(command.slot);
  else if (command.kind === 'truncate') truncate(command.slot, command.rows);
  else reply(command);
});

function reply(command: DecodeCommand & { kind: 'decode' }): void {
  const { id } = command;
  try {
    port.postMessage({ id, result: decode(command) } satisfies DecodeReply);
  } catch (error) {
    port.postMessage({ id, error: errorToMessage(error) } satisfies DecodeReply);
  }
}

function decode(command: DecodeCommand & { kind: 'decode' }): DecodeResult {
  const slot = slots.get(command.slot) ?? open(command);
  const { batch } = slot;
  const { rows, byteLength, entryCounts, capacityBytes } = batch;
  const full = { full: true, accepted: 0, rejected: 0, message: '', rows, byteLength, entryCounts };
  if (rows >= settings.batchRows || byteLength >= settings.batchBytes) return full;
  slot.marks = slot.marks.filter(({ rows }) => rows >= command.committedRows);
  const before = { rows, mark: batch.mark() };
  try {
    const { accepted, rejected, message } = batch.append(command.payload, rows === 0 ? command.limits : filling);
    slot.marks.push(before);
    // A buffer that is too small doubles, and leaves behind as much as it adds.
    garbage.add(batch.capacityBytes - capacityBytes);
    return { full: false, accepted, rejected, message, ...stateOf(slot) };
  } catch (error) {
    if (rows > 0 && isOpenWitError(error) && error.code === 'OVERLOADED') return full;
    // What a refused request has made large is not kept for the next.
    if (rows === 0 && isBloated(slot)) drop(command.slot, slot);
    throw error;
  }
}

function open(command: DecodeCommand & { kind: 'decode' }): Slot {
  const used = reusable[command.signal].pop();
  reusableBytes -= used?.batch.capacityBytes ?? 0;
  const slot: Slot = { ...(used ?? newBatch(command.signal)), marks: [], sentGeneration: -1 };
  slots.set(command.slot, slot);
  return slot;
}

function newBatch(signal: Signal): Reusable {
  const isRoomy = slots.size < MAX_ROOMY;
  const batch = createOtlpBatch(signal, { expectedRows: isRoomy ? Math.ceil(settings.batchRows * ROOM) : FEW_ROWS });
  return { batch, empty: batch.mark(), isRoomy, madeBytes: batch.capacityBytes };
}

function recycle(id: number): void {
  const slot = slots.get(id);
  if (slot === undefined) return;
  const { batch, empty, madeBytes } = slot;
  const isRoomy = slot.isRoomy || batch.rows > FEW_ROWS;
  const bytes = reusableBytes + batch.capacityBytes;
  // A batch that one huge request filled is not worth its memory, and a small one is soon made.
  if (bytes > MAX_REUSABLE_BYTES || !isRoomy || isBloated(slot)) {
    drop(id, slot);
    return;
  }
  slots.delete(id);
  batch.truncate(empty);
  reusable[batch.signal].push({ batch, empty, isRoomy, madeBytes });
  reusableBytes = bytes;
}

function drop(id: number, { batch: { capacityBytes } }: Slot): void {
  slots.delete(id);
  garbage.add(capacityBytes);
}

/** An ordinary batch may have more room than it was made with, and twice what it needs. */
function isBloated({ batch, madeBytes }: Reusable): boolean {
  return batch.capacityBytes > Math.max(4 * settings.batchBytes, 2 * madeBytes);
}

function truncate(id: number, rows: number): void {
  const slot = slots.get(id);
  const at = slot?.marks.find((candidate) => candidate.rows === rows);
  if (slot === undefined || at === undefined) return;
  slot.batch.truncate(at.mark);
  slot.marks = slot.marks.filter((earlier) => earlier.rows < rows);
}

function stateOf(slot: Slot): Pick<DecodeResult, 'rows' | 'byteLength' | 'entryCounts' | 'columns'> {
  const { batch } = slot;
  const { rows, byteLength, entryCounts, generation } = batch;
  if (slot.sentGeneration === generation) return { rows, byteLength, entryCounts };
  slot.sentGeneration = generation;
  return { rows, byteLength, entryCounts, columns: batch.columns() };
}
