// npm run bench -- ingest|query|load|exporter|open|files|objects [--json] [--requests 1000] [--runs 3] [--signal traces|logs|metrics]
//
// Takes the figures that docs/performance.md states, on the workload of bench/workload: whole processes, over HTTP,
// the client on the same machine, medians of the runs.
import { parseArgs } from 'node:util';
import { benchExporter } from './exporter.ts';
import { benchFiles } from './files.ts';
import { benchIngest } from './ingest.ts';
import { benchLoad } from './load.ts';
import { benchObjects } from './objects.ts';
import { benchOpen } from './open.ts';
import { printIngest, printQueries } from './print.ts';
import { benchQueries } from './query.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    files: { type: 'string', default: '10000' },
    json: { type: 'boolean', default: false },
    requests: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '3' },
    settle: { type: 'string', default: '60' },
    signal: { type: 'string', multiple: true, default: ['traces', 'logs', 'metrics'] },
  },
});

const settings = {
  requests: Number(values.requests),
  runs: Number(values.runs),
  settleSeconds: Number(values.settle),
  signals: values.signal,
};

if (positionals[0] === 'ingest') {
  const figures = await benchIngest(settings);
  if (values.json) console.log(JSON.stringify(figures));
  else printIngest(figures);
} else if (positionals[0] === 'query') {
  const figures = await benchQueries(settings);
  if (values.json) console.log(JSON.stringify(figures));
  else printQueries(figures);
} else if (positionals[0] === 'load') {
  console.log(JSON.stringify(await benchLoad(settings)));
} else if (positionals[0] === 'exporter') {
  console.log(JSON.stringify(await benchExporter()));
} else if (positionals[0] === 'open') {
  console.log(JSON.stringify(await benchOpen()));
} else if (positionals[0] === 'files') {
  console.log(JSON.stringify(await benchFiles({ files: Number(values.files) })));
} else if (positionals[0] === 'objects') {
  const figures = await benchObjects(settings);
  console.log(JSON.stringify(figures));
  if (figures.overBudget.length > 0) process.exitCode = 1;
} else {
  console.error(
    'usage: npm run bench -- ingest|query|load|exporter|open|files|objects [--json] [--requests N] [--runs N] [--settle SECONDS] [--signal S]',
  );
  process.exitCode = 2;
}
