import { join } from 'node:path';
import { folderBytes, median, type ReplayReport, replay, rssMiB, startServer, workload } from './server.ts';

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
  /** The same when files are written too. */
  readonly cpuUsPerRecord: number;
  readonly peakRssMiB: number;
  readonly idleRssMiB: number;
  /** Parquet files alone; the log is empty again by then. */
  readonly bytesPerRecord: number;
}

export async function benchIngest(settings: BenchSettings): Promise<IngestFigures[]> {
  const figures: IngestFigures[] = [];
  for (const signal of settings.signals) {
    const runs: (ReplayReport & { idle: number; bytes: number })[] = [];
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
    });
  }
  return figures;
}

async function ingestOnce(signal: string, settings: BenchSettings) {
  const file = workload(signal, settings.requests);
  const server = await startServer();
  try {
    const idle = rssMiB(server.pid);
    const report = await replay(file, `${server.http}/v1/${signal}`, server.pid, settings.settleSeconds);
    const refused = Object.keys(report.statuses).filter((status) => status !== '200');
    if (refused.length > 0) throw new Error(`not all requests were taken: ${JSON.stringify(report.statuses)}`);
    return { ...report, idle, bytes: folderBytes(join(server.dataDir, 'parquet')) };
  } finally {
    await server.stop();
  }
}
