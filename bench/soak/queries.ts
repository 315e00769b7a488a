import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../../test/support/node-process.ts';

/** Of a while. */
export interface QueryTimes {
  readonly ms: readonly number[];
  readonly failed: number;
  /** What the last failure said. */
  readonly failure?: string;
}

const PERIOD_MS = 250;
const LAST_MINUTE = "timestamp > now() - interval '1 minute'";
/** What dashboards ask: of the last minute, so that they cost the same whatever there is besides. */
const QUESTIONS = [
  `select service_name, count(*), quantile_cont(duration_ns, 0.99) from traces where ${LAST_MINUTE} group by 1`,
  `select severity_text, count(*) from logs where ${LAST_MINUTE} group by 1`,
  `select service_name, avg(value) from metrics where metric_name = 'process.memory.usage' and ${LAST_MINUTE} group by 1`,
  `select count(*) from traces where ${LAST_MINUTE} and attributes['http.response.status_code']::int >= 500`,
];

/** Queries one after the other, a few a second. */
export function startQueries(api: string): { take(): QueryTimes; stop(): Promise<void> } {
  let ms: number[] = [];
  let failed = 0;
  let failure: string | undefined;
  let isAsking = true;
  const asking = (async () => {
    for (let i = 0; isAsking; i++) {
      const began = performance.now();
      const isAnswered = await ask(api, QUESTIONS[i % QUESTIONS.length]!).then(
        () => true,
        (error: Error) => {
          failure = error.message;
          return false;
        },
      );
      const took = performance.now() - began;
      if (isAnswered) ms.push(took);
      else failed++;
      await delay(Math.max(0, PERIOD_MS - took));
    }
  })();
  return {
    take: () => {
      const taken = { ms, failed, ...(failure !== undefined && { failure }) };
      ms = [];
      failed = 0;
      failure = undefined;
      return taken;
    },
    stop: async () => {
      isAsking = false;
      await asking;
    },
  };
}
