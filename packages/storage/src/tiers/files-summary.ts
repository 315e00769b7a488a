import { bytesWithIndex, type DataFile } from '@openwit/ports';

export type SummedFile = Pick<DataFile, 'tier' | 'sizeBytes' | 'index' | 'generation' | 'maxTimestampNs'>;

/** What is asked of a table's files at every change of any table. Bytes are those of files and their indexes. */
export interface FilesSummary {
  readonly sizeBytes: number;
  readonly hotBytes: number;
  /** The latest record of the oldest file that may leave the hot tier by its age; later than any when there is none. */
  readonly oldestHotNs: bigint;
  /** The same of those that may go to the archive. */
  readonly oldestUnarchivedNs: bigint;
}

/** Later than any time that a record can have. */
const NONE_NS = 2n ** 63n;

const summaries = new WeakMap<readonly SummedFile[], FilesSummary>();

/** Looks at a list of files once: a table's list never changes, a commit makes the next one. */
export function summaryOf(files: readonly SummedFile[]): FilesSummary {
  let summary = summaries.get(files);
  if (summary === undefined) summaries.set(files, (summary = sum(files)));
  return summary;
}

/** Whether a file may move by its age. Those in the hot tier are merged first, within the hour. */
export function isSettled({ tier, generation }: SummedFile): boolean {
  return tier === 'cold' || (tier === 'hot' && generation > 0);
}

function sum(files: readonly SummedFile[]): FilesSummary {
  let sizeBytes = 0;
  let hotBytes = 0;
  let oldestHotNs = NONE_NS;
  let oldestUnarchivedNs = NONE_NS;
  for (const file of files) {
    const bytes = bytesWithIndex(file);
    sizeBytes += bytes;
    if (file.tier === 'hot') hotBytes += bytes;
    if (!isSettled(file)) continue;
    if (file.maxTimestampNs < oldestUnarchivedNs) oldestUnarchivedNs = file.maxTimestampNs;
    if (file.tier === 'hot' && file.maxTimestampNs < oldestHotNs) oldestHotNs = file.maxTimestampNs;
  }
  return { sizeBytes, hotBytes, oldestHotNs, oldestUnarchivedNs };
}
