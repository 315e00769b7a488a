import { readFileSync } from 'node:fs';
import type { IngestFigures } from './ingest.ts';
import type { QueryFigure } from './query.ts';

interface PeerIngest {
  readonly name: string;
  readonly cpuUsPerRecord?: number;
  readonly bytesPerRecord?: number;
  readonly recordsPerSecond?: number;
  readonly peakRssMiB?: number;
}

const peers = JSON.parse(readFileSync(new URL('./peers.json', import.meta.url), 'utf8')) as Record<
  string,
  PeerIngest[]
> & {
  queries: { name: string; query: string; ms: number }[];
};

/** Ours, and below it the peers on the same work. */
export function printIngest(figures: readonly IngestFigures[]): void {
  const line = (...cells: unknown[]) =>
    console.log(
      cells.map((cell, i) => (i === 0 ? String(cell).padEnd(28) : String(cell ?? '–').padStart(13))).join(''),
    );
  line('', 'records/s', 'µs CPU at ack', 'settled', 'bytes', 'written ×', 'peak MiB', 'idle MiB');
  for (const ours of figures) {
    line(
      `OpenWit, ${ours.signal}`,
      ours.recordsPerSecond,
      ours.cpuUsPerRecordAtAck,
      ours.cpuUsPerRecord,
      ours.bytesPerRecord,
      ours.writeAmplification,
      ours.peakRssMiB,
      ours.idleRssMiB,
    );
    for (const peer of peers[ours.signal] ?? []) {
      line(
        `  ${peer.name}`,
        peer.recordsPerSecond,
        undefined,
        peer.cpuUsPerRecord,
        peer.bytesPerRecord,
        undefined,
        peer.peakRssMiB,
        undefined,
      );
    }
  }
}

export function printQueries(figures: readonly QueryFigure[]): void {
  for (const { name, ms, rows } of figures) {
    const beside = peers.queries.filter(({ query }) => query === name).map((peer) => `${peer.name} ${peer.ms} ms`);
    console.log(
      `${name.padEnd(20)}${String(ms).padStart(8)} ms${String(rows).padStart(8)} rows   ${beside.join(', ')}`,
    );
  }
}
