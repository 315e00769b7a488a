import { rmSync } from 'node:fs';
import { DrivenClock, SeededRandom } from '@openwit/ports/testing';
import { SqliteCatalog } from '@openwit/storage';

const path = '/tmp/h-catalog-scratch/bench.sqlite';
for (const s of ['', '-wal', '-shm']) rmSync(path + s, { force: true });
const c = await SqliteCatalog.open(
  { clock: new DrivenClock(), random: new SeededRandom(7) },
  { path, dataPath: '/data/parquet' },
);
const t = await c.openTable('acme', 'traces');
const N = Number(process.argv[2] ?? 5000),
  cols = Number(process.argv[3] ?? 200);
const newColumns = Array.from({ length: cols }, (_, i) => ({
  fieldId: t.nextFieldId + i,
  map: 'attributes',
  key: `k.${i}`,
  name: `attributes.k.${i}`,
  type: (['text', 'int64', 'float64'] as const)[i % 3]!,
}));
const fixed = [...t.fieldIds].filter(([p]) => !p.includes('.')).map(([, id]) => id);
function commit(b: number) {
  const s = String(b).padStart(9, '0');
  return {
    tenant: 'acme',
    table: 'traces' as const,
    newColumns: b === 1 ? newColumns : [],
    replaces: [],
    ranges: [{ batchId: b, throughLsn: 10 * b }],
    sources: [],
    files: [
      {
        path: `/data/parquet/acme/traces/2027/01/15/4b884bfa/active-${s}.parquet`,
        tier: 'hot' as const,
        generation: 0,
        emptyColumns: ['links'],
        rows: 50000,
        sizeBytes: 5_000_000,
        footerBytes: 20_000,
        minTimestampNs: 1_800_000_000_000_000_001n + BigInt(b),
        maxTimestampNs: 1_800_000_000_999_999_999n,
        attributeColumnIds: newColumns.map((x) => x.fieldId),
        columnStats: [
          ...fixed.map((fieldId, i) => ({
            fieldId,
            valueCount: 50000,
            nullCount: 0,
            ...(i === 0 ? { min: `2027-01-15 08:00:00.${s}`, max: `2027-01-15 09:00:00.${s}` } : {}),
          })),
          ...newColumns.map(({ fieldId, type }, i) => ({
            fieldId,
            valueCount: 40000,
            nullCount: 10000,
            ...(type === 'text' ? {} : { min: `-${i}`, max: String(i * 1000) }),
          })),
        ],
      },
    ],
  };
}
const cpu = () => {
  const u = process.cpuUsage();
  return u.user + u.system;
};
let mark = cpu(),
  t0 = performance.now();
for (let b = 1; b <= N; b++) {
  if (b === N - 199) {
    console.log('before', N - 200, 'commits: wall ms', performance.now() - t0);
    mark = cpu();
    t0 = performance.now();
  }
  await c.openTable('acme', 'traces');
  await c.commit(commit(b));
}
const empty = cpu();
for (let b = 1; b <= 200; b++) commit(b);
const own = cpu() - empty;
console.log('commit at', N, 'files: cpu µs', (empty - mark - own) / 200, 'wall µs', (performance.now() - t0) * 5);
mark = cpu();
t0 = performance.now();
const f = await c.files('acme', 'traces');
console.log('files()', f.length, 'ms', performance.now() - t0, 'cpu', (cpu() - mark) / 1000);
await c.close();
const { statSync } = await import('node:fs');
console.log('MB', statSync(path).size / 1e6);
