import type { ColumnData } from '@openwit/ports';
import type { ColumnSet } from './column-set.ts';

/** Turns the records of one signal into rows. */
export interface RecordDecoder {
  readonly rows: ColumnSet;
  /** Reads one length-delimited record: a span, a log record, or a metric with its points. @throws MalformedWire, BatchFull */
  decode(): void;
  /** In the order of `TABLES`. */
  columns(): ColumnData[];
  /** The groups of rows that only this signal has. */
  readonly groups?: { readonly length: number; truncate(length: number): void; byteLength(): number };
}
