import type { RunResult } from './simulation.ts';

/** What is needed to look at a failed run, and to run it again. */
export function report({ seed, events, failure, tail }: RunResult): string {
  const what = failure instanceof Error ? (failure.name === 'Violation' ? failure.message : failure.stack) : failure;
  return [
    `seed ${seed} failed at event ${events}: ${what}`,
    ...tail.map((line) => `    ${line}`),
    `  npm run test:sim -- --seed ${seed} --trace`,
  ].join('\n');
}
