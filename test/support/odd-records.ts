import type { Signal } from '@openwit/ports';
import type { SeededRandom } from '@openwit/ports/testing';

export interface OddRecords {
  readonly count: number;
  /** Of the first record, in nanoseconds since the Unix epoch; those after it come up to a second later each. */
  readonly fromNs: bigint;
  /** Keys that every record has beside the odd ones, each with values of its type. */
  readonly keys?: Readonly<Record<string, 'text' | 'int' | 'double' | 'bool'>>;
}

/** Keys as clients of the worst kind choose them: what is a name, a pattern, a quote or an end in SQL, Parquet or a path. */
const KEYS = [
  '',
  ' ',
  'ключ',
  '键',
  '🙂',
  "it's",
  'say "hi"',
  'semi;--',
  'back\\slash',
  'a.b.c',
  'A.B.C',
  'new\nline',
  'nul\0nul',
  'ß',
  'SS',
  '\u00e9',
  'e\u0301',
  'İ',
  'x'.repeat(200),
  '__proto__',
  'timestamp',
  '[glob*]?',
  '$1',
  'element',
  'key_value',
];
const TEXTS = [
  '',
  ' ',
  'größe ✓',
  '日本語',
  '🙂',
  "it's",
  '"',
  '\\',
  'nul\0nul',
  '%_',
  '\u{10ffff}',
  'null',
  'x'.repeat(2000),
];
const INTEGERS = [0n, -1n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, 0.1, -1.5, 1e300, 5e-324, 1e16, 123456789.125];
const SERVICES = ['', 'ünï', 'Ünï', 'service', 'service-10', 'service-9', '🙂', '\u{ffff}', "it's; --", 'nul\0'];

/** An OTLP/JSON request of any signal whose keys, texts, numbers and times are at the ends of what there is. */
export function oddRequest(signal: Signal, random: SeededRandom, records: OddRecords): string {
  const rows = Array.from({ length: records.count }, (_, i) => record(signal, random, records, i));
  const groups = Map.groupBy(rows, () => random.pick(SERVICES));
  const resources = [...groups].map(([service, own]) => ({
    resource: { attributes: [attribute('service.name', { stringValue: service }), ...oddAttributes(random, 2)] },
    [SCOPES[signal]]: [
      { scope: { name: random.pick(TEXTS), attributes: oddAttributes(random, 1) }, ...body(signal, own) },
    ],
  }));
  return JSON.stringify({ [RESOURCES[signal]]: resources });
}

const RESOURCES = { traces: 'resourceSpans', logs: 'resourceLogs', metrics: 'resourceMetrics' };
const SCOPES = { traces: 'scopeSpans', logs: 'scopeLogs', metrics: 'scopeMetrics' };

function body(signal: Signal, rows: readonly object[]): object {
  if (signal === 'traces') return { spans: rows };
  return signal === 'logs' ? { logRecords: rows } : { metrics: rows };
}

function record(signal: Signal, random: SeededRandom, { fromNs, keys = {} }: OddRecords, i: number): object {
  const attributes = [
    ...Object.entries(keys).map(([key, type]) => attribute(key, typed(type, random))),
    ...oddAttributes(random, 3),
  ];
  const at = fromNs + BigInt(i) * 1_000_000_000n + BigInt(random.below(1e9));
  if (signal === 'logs') {
    const text = { timeUnixNano: String(at), body: anyValue(random), severityNumber: random.below(25) };
    return { ...text, attributes, flags: random.pick([0, 2 ** 32 - 1]), eventName: random.pick(TEXTS) };
  }
  if (signal === 'traces') {
    const ids = { traceId: hex(random, 16), spanId: hex(random, 8), name: random.pick(TEXTS), kind: random.below(6) };
    const times = { startTimeUnixNano: String(at), endTimeUnixNano: String(at + random.pick([0n, 1n, 2n ** 40n])) };
    const events = [{ timeUnixNano: String(at), name: random.pick(TEXTS), attributes: oddAttributes(random, 2) }];
    return { ...ids, ...times, attributes, ...(random.below(3) === 0 && { events }) };
  }
  const point = { timeUnixNano: String(at), attributes };
  const name = random.pick(TEXTS);
  switch (random.below(3)) {
    case 0:
      return {
        name,
        gauge: { dataPoints: [{ ...point, asDouble: random.pick([...DOUBLES, 'NaN', 'Infinity', '-Infinity']) }] },
      };
    case 1:
      return {
        name,
        sum: { aggregationTemporality: 2, dataPoints: [{ ...point, asInt: String(random.pick(INTEGERS)) }] },
      };
    default: {
      const buckets = { count: '3', sum: random.pick(DOUBLES), bucketCounts: ['1', '2'], explicitBounds: [0.5] };
      return { name, histogram: { aggregationTemporality: 1, dataPoints: [{ ...point, ...buckets }] } };
    }
  }
}

/** About so many, each key once. */
function oddAttributes(random: SeededRandom, count: number): object[] {
  const keys = new Set(Array.from({ length: count }, () => random.pick(KEYS)));
  return [...keys].map((key) => attribute(key, anyValue(random)));
}

function attribute(key: string, value: object): object {
  return { key, value };
}

function anyValue(random: SeededRandom): object {
  switch (random.below(8)) {
    case 0:
      return {};
    case 1:
      return { bytesValue: Buffer.from(random.bytes(5)).toString('base64') };
    case 2:
      return { arrayValue: { values: [{ stringValue: random.pick(TEXTS) }, { intValue: '1' }] } };
    case 3:
      return { kvlistValue: { values: [attribute(random.pick(KEYS), { boolValue: true })] } };
    default:
      return typed(random.pick(['text', 'int', 'double', 'bool'] as const), random);
  }
}

function typed(type: 'text' | 'int' | 'double' | 'bool', random: SeededRandom): object {
  switch (type) {
    case 'text':
      return { stringValue: random.pick(TEXTS) };
    case 'int':
      return { intValue: String(random.pick(INTEGERS)) };
    case 'double':
      return { doubleValue: random.pick(DOUBLES) };
    case 'bool':
      return { boolValue: random.below(2) === 0 };
  }
}

function hex(random: SeededRandom, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('hex');
}
