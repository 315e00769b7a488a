import { percentile, type Sample } from './samples.ts';

/** One thing that must not grow: the last quarter beside the second, as the first is for warming up. */
export interface Finding {
  readonly name: string;
  readonly second: number;
  readonly last: number;
  /** What the last quarter may have at the most. */
  readonly most: number;
  readonly isFlat: boolean;
}

interface Rule {
  readonly name: string;
  readonly of: (samples: readonly Sample[]) => number;
  /** The last quarter may have so many times what the second has, and so much more than that. */
  readonly factor: number;
  readonly slack: number;
}

const MIB = 1024 * 1024;

/** The disk fills, of course: it is the bytes a record that must not grow, and the files of an hour, of which merges leave few. */
const RULES: readonly Rule[] = [
  { name: 'RSS, MiB', of: middle('rssMiB'), factor: 1.15, slack: 16 },
  { name: 'files', of: middle('files'), factor: 1.5, slack: 24 },
  { name: 'log, MiB', of: middle('walMiB'), factor: 1.5, slack: 64 },
  { name: 'bytes a record', of: bytesOfRecord, factor: 1.15, slack: 5 },
  { name: 'query p50, ms', of: middle('queryP50Ms'), factor: 1.5, slack: 5 },
  { name: 'query p99, ms', of: middle('queryP99Ms'), factor: 2, slack: 20 },
  { name: 'event loop p99, ms', of: middle('loopP99Ms'), factor: 2, slack: 10 },
  {
    name: 'failed queries',
    of: (samples) => sum(samples.map(({ failedQueries }) => failedQueries)),
    factor: 1,
    slack: 0,
  },
];

/** @param samples at even distances */
export function verdictOf(samples: readonly Sample[]): Finding[] {
  const quarter = samples.length / 4;
  const second = samples.slice(Math.floor(quarter), Math.floor(2 * quarter));
  const last = samples.slice(Math.floor(3 * quarter));
  return RULES.map(({ name, of, factor, slack }) => {
    const [before, after] = [round(of(second)), round(of(last))];
    const most = round(before * factor + slack);
    return { name, second: before, last: after, most, isFlat: after <= most };
  });
}

function middle(name: keyof Sample): Rule['of'] {
  return (samples) =>
    percentile(
      samples.map((one) => one[name]),
      0.5,
    );
}

/** Of what is on the disk at the end, over all that came. */
function bytesOfRecord(samples: readonly Sample[]): number {
  const { diskMiB, walMiB, records } = samples.at(-1)!;
  return ((diskMiB - walMiB) * MIB) / records;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
