import type { SourcePosition } from './receiver.ts';
import type { Signal } from './signal.ts';

/** What is kept of a request until its records are in committed files. */
export interface WalRecord {
  readonly tenant: string;
  readonly signal: Signal;
  /** The batch whose rows this request became; it decides when the record can be let go. */
  readonly batchId: number;
  readonly source?: SourcePosition;
  readonly payload: Uint8Array;
}

export interface WalEntry extends WalRecord {
  /** Sequence number: strictly growing, over restarts too. */
  readonly lsn: number;
}

/** The records of one batch up to and with `throughLsn`: what a committed file holds. */
export interface WalRange {
  readonly batchId: number;
  readonly throughLsn: number;
}

/**
 * The log that makes an acknowledgement true.
 *
 * Guarantees: appends take effect in the order of the calls. When `append` resolves, the record survives a power cut;
 * when it rejects because the log failed, the record is never replayed, and every append that waits behind it rejects too. A record is replayed whole and unchanged, or set aside and counted: never altered, never skipped in
 * silence. Sequence numbers and batch ids are never given twice.
 */
export interface WriteAheadLog {
  /** Resolves with the record's sequence number when it is durable. @throws unavailable / WAL_UNAVAILABLE; closed / CLOSED */
  append(record: WalRecord): Promise<number>;
  /** Every record that was durable when the log was opened and is not released, in order. Before the first append. */
  replay(): AsyncIterable<WalEntry>;
  /** The records of a range are in committed files: their space may be reclaimed. */
  release(range: WalRange): void;
  /**
   * The next record goes to a new place: when those before it are released, nothing of them is left. Resolves when what is
   * released by then is gone. @throws unavailable / WAL_UNAVAILABLE
   */
  roll(): Promise<void>;
  /** Keeps a record that cannot be used, for repair by hand, until its tenant's records are to go. */
  setAside(entry: WalEntry): Promise<void>;
  /**
   * Gives up what is kept for repair and may be this tenant's: its records, and every damaged stretch, since nobody can tell
   * whose that is. What of it stands in segments goes with the next {@link roll}. @throws unavailable / WAL_UNAVAILABLE
   */
  giveUpRepair(tenant: string): Promise<void>;
  /** An id greater than that of every batch in the log. */
  readonly nextBatchId: number;
  stats(): WalStats;
  /** Resolves when what was appended is durable or has rejected, and the files are closed. */
  close(): Promise<void>;
}

export interface WalStats {
  readonly segments: number;
  readonly bytes: number;
  readonly nextLsn: number;
  /** Damaged stretches found when the log was opened and set aside for repair. */
  readonly damagedFrames: number;
  /** Bytes of a torn last frame that were cut when the log was opened. */
  readonly tornBytes: number;
}
