import { parseArgs } from 'node:util';
import { report } from './report.ts';
import { runSeed } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
let failed = 0;
for (let seed = first; seed < first + Number(values.count); seed++) {
  const result = await runSeed(seed, values.trace ? { print: (line) => console.log(line) } : {});
  if (result.failure !== undefined) {
    failed++;
    console.log(report(result));
  }
}
console.log(`${values.count} runs from seed ${first}, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
