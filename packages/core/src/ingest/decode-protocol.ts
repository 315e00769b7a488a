import type { ColumnData, EntryCounts, ErrorMessage, Signal } from '@openwit/ports';

/** What the main thread asks of a decode thread. Messages are worked off in order. */
export type DecodeCommand =
  | {
      readonly kind: 'decode';
      readonly id: number;
      /** The batch to append to; made on first use. */
      readonly slot: number;
      readonly signal: Signal;
      readonly payload: Uint8Array<SharedArrayBuffer>;
      /** Rows of the slot that are durable: the thread forgets how to go back behind them. */
      readonly committedRows: number;
      /** What a batch may hold that has only this request. */
      readonly limits: BatchLimits;
    }
  /** Take back everything behind the first `rows` rows. */
  | { readonly kind: 'truncate'; readonly slot: number; readonly rows: number }
  /** Nothing reads the slot's batch any more: the thread may fill its memory anew. */
  | { readonly kind: 'recycle'; readonly slot: number };

export interface BatchLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** The answer to one `decode`. */
export interface DecodeReply {
  readonly id: number;
  readonly result?: DecodeResult;
  readonly error?: ErrorMessage;
}

export interface DecodeResult {
  /** `full`: nothing was appended, the request belongs into a new batch. */
  readonly full: boolean;
  readonly accepted: number;
  readonly rejected: number;
  readonly message: string;
  /** Of the batch, after this request. */
  readonly rows: number;
  readonly byteLength: number;
  readonly entryCounts: EntryCounts;
  /** The batch's columns, when other buffers than in the reply before. */
  readonly columns?: readonly ColumnData[];
}

/** Given to a decode thread when it starts. */
export interface DecodeSettings {
  readonly batchRows: number;
  readonly batchBytes: number;
}
