// npm run test:soak -- [--minutes 20] [--rate RECORDS_PER_SECOND] [--out .cache/soak]
//
// A node at half of the rate that it can take, all signals with the time of the moment, queries beside them; every 5 s a sample of
// what must not grow. Writes samples.csv, report.json and curves.svg, and ends with 1 when something grew.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesIn, startServer } from './server.ts';
import { curves } from './soak/curves.ts';
import { currentRequests, type Load, startLoad } from './soak/load.ts';
import { startQueries } from './soak/queries.ts';
import { LOOP_DELAY, type Sample, sample } from './soak/samples.ts';
import { verdictOf } from './soak/verdict.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    rate: { type: 'string' },
    out: { type: 'string', default: '.cache/soak' },
  },
});

const CALIBRATION_MS = 30_000;
/** Nothing is merged any more when no file has come or gone for so long. */
const SETTLED_MS = 5000;
const LOOK_MS = 250;
const SAMPLE_MS = 5000;

const requests = currentRequests();
const rate = values.rate === undefined ? await halfOfMost() : Number(values.rate);
const samples = await soak(rate, Number(values.minutes) * 60_000);
const verdict = verdictOf(samples);
mkdirSync(values.out, { recursive: true });
const names = Object.keys(samples[0]!) as (keyof Sample)[];
const lines = [names.join(), ...samples.map((one) => names.map((name) => one[name]).join())];
writeFileSync(join(values.out, 'samples.csv'), `${lines.join('\n')}\n`);
writeFileSync(join(values.out, 'report.json'), `${JSON.stringify({ rate, verdict, samples }, undefined, 1)}\n`);
writeFileSync(join(values.out, 'curves.svg'), curves(samples));
for (const { name, second, last, most, isFlat } of verdict) {
  console.log(
    `${isFlat ? 'flat ' : 'GROWS'} ${name.padEnd(22)} second quarter ${second}, last ${last}, at most ${most}`,
  );
}
process.exitCode = verdict.every(({ isFlat }) => isFlat) ? 0 : 1;

/** Records a second, until all of them are merged as far as they will be. A node of its own: the soak begins with a fresh one. */
async function halfOfMost(): Promise<number> {
  const server = await startServer();
  try {
    const began = performance.now();
    const load = startLoad(server.http, requests, Infinity);
    await wait(CALIBRATION_MS);
    await load.stop();
    let settledAt = performance.now();
    let files = filesIn(server.dataDir);
    while (performance.now() - settledAt < SETTLED_MS) {
      await wait(LOOK_MS);
      const now = filesIn(server.dataDir);
      if (now !== files) settledAt = performance.now();
      files = now;
    }
    const found = load.records / ((settledAt - began) / 1000);
    console.log(`it takes ${Math.round(found)} records a second`);
    return Math.round(found / 2);
  } finally {
    await server.stop();
  }
}

async function soak(recordsPerSecond: number, forMs: number): Promise<Sample[]> {
  process.env.NODE_OPTIONS = `--import ${LOOP_DELAY.module}`;
  process.env.OPENWIT_LOOP_DELAY = LOOP_DELAY.report;
  const server = await startServer();
  const load: Load = startLoad(server.http, requests, recordsPerSecond);
  const queries = startQueries(server.api);
  const samples: Sample[] = [];
  try {
    const began = performance.now();
    for (let i = 1; i * SAMPLE_MS <= forMs; i++) {
      await wait(began + i * SAMPLE_MS - performance.now());
      const asked = queries.take();
      const one = sample(server, load, asked, (performance.now() - began) / 1000);
      samples.push(one);
      console.log(JSON.stringify(one));
      if (asked.failure !== undefined) console.log(`a query failed: ${asked.failure}`);
    }
    return samples;
  } finally {
    await queries.stop();
    await load.stop();
    await server.stop();
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
