// A service that observes itself: the OpenTelemetry SDK exports into an OpenWit node in the same process, and SQL
// answers over what was just recorded. Run it with: npm run demo
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createService } from './service.ts';
import { startTelemetry } from './telemetry.ts';

const REQUESTS = 200;
const ROUTES = ['/', '/cart', '/pay', '/orders'];

const dataDir = await mkdtemp(join(tmpdir(), 'openwit-demo-'));
const telemetry = await startTelemetry(dataDir);
const service = createService(telemetry);
service.listen(0, '127.0.0.1');
await once(service, 'listening');
const { port } = service.address() as AddressInfo;

for (let i = 0; i < REQUESTS; i++) {
  const response = await fetch(`http://127.0.0.1:${port}${ROUTES[i % ROUTES.length]}`);
  await response.arrayBuffer();
}
service.close();
await telemetry.flush();

const { wit } = telemetry;
console.log('\nspans by route');
console.table(
  await wit.sql`
    select attributes['http.route'] as route, count(*)::int as spans,
           round(quantile_cont(duration_ns, 0.99) / 1e6, 3) as p99_ms,
           (count(*) filter (where status_code = 'ERROR'))::int as errors
    from traces group by route order by route`,
);
console.log('log lines');
console.table(
  await wit.sql`select severity_text, body, count(*)::int as times from logs group by all order by times desc`,
);
console.log('metrics');
console.table(
  await wit.sql`
    select metric_name, type, attributes['http.route'] as route, coalesce(value, sum) as value
    from metrics order by metric_name, route`,
);

await telemetry.stop();
await rm(dataDir, { recursive: true, force: true });
