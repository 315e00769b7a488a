import { parentPort, workerData } from 'node:worker_threads';
import { errorToMessage, isOpenWitError } from '@openwit/ports';
import { type BatchMark, createOtlpBatch, type OtlpBatch } from '@openwit/transport';
import type { DecodeCommand, DecodeReply, DecodeResult, DecodeSettings } from './decode-protocol.ts';

/** A batch that is being filled, with the way back to each state that is not durable yet. */
interface Slot {
  readonly batch: OtlpBatch;
  marks: { readonly rows: number; readonly mark: BatchMark }[];
  sentGeneration: number;
}

const settings = workerData as DecodeSettings;
const port = parentPort!;
const slots = new Map<number, Slot>();

port.on('message', (command: DecodeCommand) => {
  if (command.kind === 'drop') slots.delete(command.slot);
  else if (command.kind === 'truncate') truncate(command.slot, command.rows);
  else reply(command);
});

function reply(command: DecodeCommand & { kind: 'decode' }): void {
  const { id, payload } = command;
  const transfer = [payload.buffer];
  try {
    port.postMessage({ id, payload, result: decode(command) } satisfies DecodeReply, transfer);
  } catch (error) {
    port.postMessage({ id, payload, error: errorToMessage(error) } satisfies DecodeReply, transfer);
  }
}

function decode(command: DecodeCommand & { kind: 'decode' }): DecodeResult {
  const slot = slots.get(command.slot) ?? open(command);
  const { batch } = slot;
  const full = { full: true, accepted: 0, rejected: 0, message: '', rows: batch.rows, byteLength: batch.byteLength };
  if (batch.rows >= settings.batchRows || batch.byteLength >= settings.batchBytes) return full;
  slot.marks = slot.marks.filter(({ rows }) => rows >= command.committedRows);
  const before = { rows: batch.rows, mark: batch.mark() };
  // A batch may run over by the request that fills it, but not without end.
  const maxRecords = batch.rows === 0 ? settings.maxRequestRecords : 2 * settings.batchRows;
  try {
    const { accepted, rejected, message } = batch.append(command.payload, { maxRecords });
    slot.marks.push(before);
    const { rows, byteLength } = batch;
    return { full: false, accepted, rejected, message, rows, byteLength, ...columnsIfNew(slot) };
  } catch (error) {
    if (batch.rows > 0 && isOpenWitError(error) && error.code === 'OVERLOADED') return full;
    throw error;
  }
}

function open(command: DecodeCommand & { kind: 'decode' }): Slot {
  const batch = createOtlpBatch(command.signal, { expectedRows: settings.batchRows });
  const slot: Slot = { batch, marks: [], sentGeneration: -1 };
  slots.set(command.slot, slot);
  return slot;
}

function truncate(id: number, rows: number): void {
  const slot = slots.get(id);
  const at = slot?.marks.find((candidate) => candidate.rows === rows);
  if (slot === undefined || at === undefined) return;
  slot.batch.truncate(at.mark);
  slot.marks = [];
}

function columnsIfNew(slot: Slot): Pick<DecodeResult, 'columns'> {
  if (slot.sentGeneration === slot.batch.generation) return {};
  slot.sentGeneration = slot.batch.generation;
  return { columns: slot.batch.columns() };
}
