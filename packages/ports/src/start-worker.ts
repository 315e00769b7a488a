import { Worker, type WorkerOptions } from 'node:worker_threads';

/** The hot path makes little garbage: its columns are shared memory. Node's default is 48 MiB for each thread. */
const YOUNG_GENERATION_MB = 8;
/** Far above what any thread's objects take. By it V8 decides how much garbage it lets lie about: of 4 GiB a Parquet thread has 41 MiB, not 28. */
const OLD_GENERATION_MB = 1024;

/** Of the flags of the process, those that say what its main program is; a worker would not start with them. */
const PROGRAM_FLAGS = /^(-e|-p|-pe|--eval|--print|--input-type)(=|$)/;

/** Starts `file`, named without its extension, beside the module at `base`: `.ts` from source, `.js` when built. */
export function startWorker(base: string, file: string, options: Pick<WorkerOptions, 'name' | 'workerData'>): Worker {
  const url = new URL(`${file}${base.endsWith('.ts') ? '.ts' : '.js'}`, base);
  const flags = workerFlags(process.execArgv);
  // Flags that are given are checked, and not every flag of a process passes: without need they are inherited.
  const given = flags.length < process.execArgv.length && { execArgv: flags };
  return new Worker(url, {
    ...options,
    ...given,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB, maxOldGenerationSizeMb: OLD_GENERATION_MB },
  });
}

/** The flags of the process without those of its main program, whose text follows them. */
export function workerFlags(flags: readonly string[]): string[] {
  const isText = (i: number) => PROGRAM_FLAGS.test(flags[i - 1] ?? '') && !flags[i - 1]!.includes('=');
  return flags.filter((flag, i) => !PROGRAM_FLAGS.test(flag) && !isText(i));
}
