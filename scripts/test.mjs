// Runs everything that must hold, and closes with `N passed, N failed, N skipped`. Arguments: files to run instead.
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { node, root } from './setup.mjs';

const CHECKS = [
  ['format and lint', 'node_modules/@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']],
  ['types of tests, benchmarks and examples', 'node_modules/typescript/bin/tsc', ['-p', 'tsconfig.checks.json']],
];
/** A file that takes longer hangs; one that was asked for may be a long one. */
const MINUTE_MS = 60 * 1000;
const FILE_TIMEOUT_MS = process.argv.length > 2 ? 90 * MINUTE_MS : 15 * MINUTE_MS;
const SUITES = ['packages/{*,index/*}/src/**/*.test.ts', 'test/**/*.test.ts'];

let failedChecks = 0;
for (const [what, script, args] of CHECKS) {
  const { status } = spawnSync(node, [join(root, script), ...args], { cwd: root, stdio: 'inherit' });
  if (status === 0) continue;
  failedChecks++;
  console.log(`✖ ${what}`);
}

const chosen = process.argv.slice(2);
const files = chosen.length > 0 ? chosen : SUITES.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
const counts = await runTests(files);
const failed = counts.fail + counts.cancelled + failedChecks;
console.log(`${counts.pass + CHECKS.length - failedChecks} passed, ${failed} failed, ${counts.skipped} skipped`);
process.exit(failed === 0 && counts.pass > 0 ? 0 : 1);

/** Node's spec reporter closes with `ℹ pass 12` and so on. */
function runTests(testFiles) {
  const args = ['--conditions=openwit-source', '--test', '--test-concurrency=2', `--test-timeout=${FILE_TIMEOUT_MS}`];
  args.push('--test-reporter=spec', ...testFiles);
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0 };
  let tail = '';
  child.stdout.on('data', (piece) => {
    process.stdout.write(piece);
    tail = (tail + piece).slice(-100_000);
  });
  return new Promise((resolve) => {
    child.on('close', (status) => {
      for (const name of Object.keys(counts))
        counts[name] = Number(tail.match(new RegExp(`ℹ ${name} (\\d+)`))?.[1] ?? 0);
      // Whatever ended the run without a count is a failure too.
      if (status !== 0 && counts.fail + counts.cancelled === 0) counts.fail = 1;
      resolve(counts);
    });
  });
}
