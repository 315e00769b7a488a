import type { BenchSettings } from './ingest.ts';
import { median, replay, startServer, workload } from './server.ts';

export interface QueryFigure {
  readonly name: string;
  readonly sql: string;
  /** Over HTTP, from the request to the last byte of the JSON; median. */
  readonly ms: number;
  readonly rows: number;
}

const REPEATS = 15;

/** After the workload is in files: warm medians, over the API. */
export async function benchQueries(settings: BenchSettings): Promise<QueryFigure[]> {
  const server = await startServer();
  try {
    for (const signal of ['traces', 'logs', 'metrics']) {
      await replay(
        workload(signal, settings.requests),
        `${server.http}/v1/${signal}`,
        server.pid,
        settings.settleSeconds,
      );
    }
    const traceId = String((await ask(server.api, 'select trace_id from traces limit 1'))[0]![0]);
    const figures: QueryFigure[] = [];
    for (const [name, sql] of questions(traceId)) {
      const times: number[] = [];
      let rows = 0;
      for (let i = 0; i < REPEATS; i++) {
        const began = performance.now();
        rows = (await ask(server.api, sql)).length;
        times.push(performance.now() - began);
      }
      figures.push({ name, sql, ms: Number(median(times).toFixed(1)), rows });
    }
    return figures;
  } finally {
    await server.stop();
  }
}

function questions(traceId: string): [string, string][] {
  return [
    ['count', 'select count(*) from traces'],
    ['trace by id', `select * from traces where trace_id = '${traceId}' order by timestamp`],
    ['p99 by service', 'select service_name, quantile_cont(duration_ns, 0.99) from traces group by 1 order by 1'],
    ['attribute filter', "select count(*) from traces where attributes['http.route'] = 'GET /api/v1/resource-0/{id}'"],
    ['typed attribute', "select count(*) from traces where attributes['http.response.status_code']::int >= 500"],
    ['logs by service', 'select service_name, count(*) from logs group by 1 order by 1'],
    ['rare word', "select count(*) from logs where body like '%user-77 %'"],
    [
      'metric over time',
      "select date_trunc('minute', timestamp), avg(value) from metrics where metric_name = 'process.memory.usage' group by 1 order by 1",
    ],
  ];
}

async function ask(api: string, sql: string): Promise<unknown[][]> {
  const response = await fetch(`${api}/api/v1/sql`, { method: 'POST', body: JSON.stringify({ sql }) });
  const body = (await response.json()) as { rows: unknown[][]; error?: { message: string } };
  if (!response.ok) throw new Error(body.error?.message);
  return body.rows;
}
