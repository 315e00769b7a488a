/** A segment of the log, as the running log knows it. */
export interface Segment {
  readonly path: string;
  readonly firstLsn: number;
  readonly salt: Uint8Array;
  /** Frames up to here are true. */
  validBytes: number;
  /** The last sequence number of each batch that has frames here: what must be released before the file can go. */
  readonly lastLsnOf: Map<number, number>;
  /** Bytes behind `validBytes` could not be cut: only the next segment's header tells that they don't count. */
  isTailUncut: boolean;
  /** Damage in it could not be copied away: the file is kept until that succeeds at another start, or repair is given up. */
  isKept: boolean;
}
