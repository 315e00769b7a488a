import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileSizes, folderBytes, median, type ReplayReport, replay, rssMiB, startServer, workload } from './server.ts';

export interface BenchSettings {
  readonly requests: number;
  readonly runs: number;
  readonly settleSeconds: number;
  readonly signals: readonly string[];
}

/** Medians of the runs; every run on a fresh data folder. */
export interface IngestFigures {
  readonly signal: string;
  readonly records: number;
  readonly recordsPerSecond: number;
  /** CPU of all threads, user and system, when the last request was acknowledged. */
  readonly cpuUsPerRecordAtAck: number;
  /** The same when files are written and merged too. */
  readonly cpuUsPerRecord: number;
  readonly peakRssMiB: number;
  readonly idleRssMiB: number;
  /** Parquet files alone; the log is empty again by then. */
  readonly bytesPerRecord: number;
  /** Bytes of all Parquet files that were written, merged ones too, for each byte of those that batches became. */
  readonly writeAmplification: number;
}

export async function benchIngest(settings: BenchSettings): Promise<IngestFigures[]> {
  const figures: IngestFigures[] = [];
  for (const signal of settings.signals) {
    const runs: (ReplayReport & { idle: number; bytes: number; amplification: number })[] = [];
    for (let run = 0; run < settings.runs; run++) runs.push(await ingestOnce(signal, settings));
    const of = (value: (run: (typeof runs)[number]) => number) => Number(median(runs.map(value)).toFixed(2));
    figures.push({
      signal,
      records: runs[0]!.records,
      recordsPerSecond: of((run) => run.records_per_second),
      cpuUsPerRecordAtAck: of((run) => run.cpu_us_per_record_at_ack),
      cpuUsPerRecord: of((run) => run.cpu_us_per_record_settled),
      peakRssMiB: of((run) => run.peak_rss_mib),
      idleRssMiB: of((run) => run.idle),
      bytesPerRecord: of((run) => run.bytes / run.records),
      writeAmplification: of((run) => run.amplification),
    });
  }
  return figures;
}

const LOOK_MS = 250;

/** Looks at the files now and again: none goes before it has been there for longer. */
function watchWrites(folder: string): { stop(): number } {
  const sizes = new Map<string, number>();
  const look = () => {
    for (const [path, bytes] of fileSizes(folder)) sizes.set(path, Math.max(bytes, sizes.get(path) ?? 0));
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      const bytesOf = (paths: readonly string[]) => paths.reduce((sum, path) => sum + sizes.get(path)!, 0);
      const all = [...sizes.keys()].filter((path) => path.endsWith('.parquet'));
      return bytesOf(all) / bytesOf(all.filter((path) => !basename(path).startsWith('stable-')));
    },
  };
}

/** Between start and load: V8 sets other limits for a heap that was at rest. */
const REST_MS = 1000;

async function ingestOnce(signal: string, settings: BenchSettings) {
  const file = workload(signal, settings.requests);
  const server = await startServer();
  try {
    await delay(REST_MS);
    const idle = rssMiB(server.pid);
    const written = watchWrites(join(server.dataDir, 'parquet'));
    const report = await replay(file, `${server.http}/v1/${signal}`, server.pid, settings.settleSeconds);
    const refused = Object.keys(report.statuses).filter((status) => status !== '200');
    if (refused.length > 0) throw new Error(`not all requests were taken: ${JSON.stringify(report.statuses)}`);
    return { ...report, idle, bytes: folderBytes(join(server.dataDir, 'parquet')), amplification: written.stop() };
  } finally {
    await server.stop();
  }
}
