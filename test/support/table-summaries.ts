import type { Signal } from '@openwit/ports';

/** Conditions that the workload or the odd records meet, on columns that have statistics. */
export const FILTERS: Readonly<Record<Signal, readonly string[]>> = {
  traces: [
    "timestamp >= timestamp_ns '2026-05-28 20:27:00' and duration_ns > 20000000",
    "service_name = 'service-7'",
    "service_name > 'service-9' and duration_ns < 1000",
    "trace_id < '20'",
  ],
  logs: [
    "timestamp < timestamp_ns '2026-05-28 20:26:41' or timestamp > timestamp_ns '2026-05-28 22:30:00'",
    "service_name in ('ünï', 'service-3', '🙂') and severity_number >= 13",
    'flags = 4294967295',
    "body like 'nul%'",
  ],
  metrics: [
    "metric_name = 'http.server.duration' and sum > 990",
    'value_int in (9223372036854775807, -9223372036854775808, 0)',
    'value > 999000 or isnan(value)',
    "service_name = '' and timestamp >= timestamp_ns '2026-05-28 21:00:00'",
  ],
};

/** Counts, bounds and sums of the rows of `from` that meet the filter, numbered `i`. */
export function summary(signal: Signal, from: string, filter: string, i: number): string {
  const sums = {
    traces: 'sum(duration_ns)::varchar, max(span_name), min(duration_ns)::varchar',
    logs: 'sum(severity_number)::varchar, max(body), min(severity_number)::varchar',
    metrics: 'sum(value_int::hugeint)::varchar, max(metric_name), min(value_int)::varchar',
  };
  const times = 'min(timestamp)::varchar, max(timestamp)::varchar';
  return `select ${i}, count(*), count(distinct service_name), ${times}, ${sums[signal]} from ${from} where ${filter}`;
}
