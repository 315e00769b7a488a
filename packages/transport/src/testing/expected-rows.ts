import type { Signal } from '@openwit/ports';
import { decodeRequest, type Message } from './otlp-proto.ts';
import type { Row } from './rows-of.ts';

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUSES = ['UNSET', 'OK', 'ERROR'];
const TEMPORALITIES = ['unspecified', 'delta', 'cumulative'];

/** The rows that a request of valid records has to become, by protobufjs and the description of the tables. */
export function expectedRows(signal: Signal, payload: Uint8Array): Row[] {
  const request = decodeRequest(signal, payload);
  const rows: Row[] = [];
  for (const group of request[`resource_${signal === 'traces' ? 'spans' : signal}`]) {
    for (const scoped of group[`scope_${signal === 'traces' ? 'spans' : signal}`]) {
      const origin = originOf(group, scoped);
      if (signal === 'traces') rows.push(...scoped.spans.map((span: Message) => ({ ...origin, ...spanRow(span) })));
      else if (signal === 'logs')
        rows.push(...scoped.log_records.map((log: Message) => ({ ...origin, ...logRow(log) })));
      else rows.push(...scoped.metrics.flatMap(metricRows).map((row: Row) => ({ ...origin, ...row })));
    }
  }
  return rows;
}

function originOf(group: Message, scoped: Message): Row {
  const resourceAttributes = attributes(group.resource?.attributes);
  const service = resourceAttributes['service.name'] as { type: string; value: unknown } | undefined;
  return {
    service_name: typeof service?.value === 'string' ? service.value : '',
    resource_attributes: resourceAttributes,
    resource_schema_url: group.schema_url ?? '',
    scope_name: scoped.scope?.name ?? '',
    scope_version: scoped.scope?.version ?? '',
    scope_attributes: attributes(scoped.scope?.attributes),
    scope_schema_url: scoped.schema_url ?? '',
  };
}

function spanRow(span: Message): Row {
  const start = BigInt(span.start_time_unix_nano ?? 0);
  return {
    timestamp: start,
    duration_ns: BigInt.asIntN(64, BigInt(span.end_time_unix_nano ?? 0) - start),
    trace_id: hex(span.trace_id),
    span_id: hex(span.span_id),
    parent_span_id: optionalId(span.parent_span_id),
    trace_state: span.trace_state ?? '',
    flags: span.flags ?? 0,
    span_name: span.name ?? '',
    span_kind: KINDS[span.kind ?? 0] ?? 'UNSPECIFIED',
    status_code: STATUSES[span.status?.code ?? 0] ?? 'UNSET',
    status_message: span.status?.message ?? '',
    attributes: attributes(span.attributes),
    events: span.events.map((event: Message) => ({
      timestamp: BigInt(event.time_unix_nano ?? 0),
      name: event.name ?? '',
      attributes: attributes(event.attributes),
      dropped_attributes_count: event.dropped_attributes_count ?? 0,
    })),
    links: span.links.map((link: Message) => ({
      trace_id: hex(link.trace_id),
      span_id: hex(link.span_id),
      trace_state: link.trace_state ?? '',
      attributes: attributes(link.attributes),
      dropped_attributes_count: link.dropped_attributes_count ?? 0,
      flags: link.flags ?? 0,
    })),
    dropped_attributes_count: span.dropped_attributes_count ?? 0,
    dropped_events_count: span.dropped_events_count ?? 0,
    dropped_links_count: span.dropped_links_count ?? 0,
  };
}

function logRow(log: Message): Row {
  const observed = BigInt(log.observed_time_unix_nano ?? 0);
  const time = BigInt(log.time_unix_nano ?? 0);
  const body = typed(log.body);
  return {
    timestamp: time === 0n ? observed : time,
    observed_timestamp: observed === 0n ? null : observed,
    trace_id: optionalId(log.trace_id),
    span_id: optionalId(log.span_id),
    flags: log.flags ?? 0,
    severity_number: log.severity_number ?? 0,
    severity_text: log.severity_text ?? '',
    event_name: log.event_name ?? '',
    body: body.type === 'empty' ? null : String(body.value),
    attributes: attributes(log.attributes),
    dropped_attributes_count: log.dropped_attributes_count ?? 0,
    body_type: body.type,
  };
}

function metricRows(metric: Message): Row[] {
  const type = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].find((name) => name in metric);
  if (type === undefined) return [];
  const data = metric[type];
  const hasTemporality = type !== 'gauge' && type !== 'summary';
  const shared = {
    metric_name: metric.name ?? '',
    description: metric.description ?? '',
    unit: metric.unit ?? '',
    type,
    temporality: hasTemporality ? (TEMPORALITIES[data.aggregation_temporality ?? 0] ?? 'unspecified') : null,
    is_monotonic: type === 'sum' ? (data.is_monotonic ?? false) : null,
    metric_metadata: attributes(metric.metadata),
  };
  return data.data_points.map((point: Message) => ({ ...shared, ...pointRow(type, point) }));
}

function pointRow(type: string, point: Message): Row {
  const isExponential = type === 'exponential_histogram';
  const hasCount = type !== 'gauge' && type !== 'sum';
  return {
    timestamp: BigInt(point.time_unix_nano ?? 0),
    start_timestamp: BigInt(point.start_time_unix_nano ?? 0) || null,
    value: point.as_double ?? (point.as_int === undefined ? null : Number(point.as_int)),
    value_int: point.as_int === undefined ? null : BigInt(point.as_int),
    count: hasCount ? BigInt(point.count ?? 0) : null,
    sum: point.sum ?? (type === 'summary' ? 0 : null),
    min: point.min ?? null,
    max: point.max ?? null,
    bucket_counts: (isExponential ? [] : (point.bucket_counts ?? [])).map(BigInt),
    explicit_bounds: point.explicit_bounds ?? [],
    scale: isExponential ? (point.scale ?? 0) : null,
    zero_count: isExponential ? BigInt(point.zero_count ?? 0) : null,
    zero_threshold: isExponential ? (point.zero_threshold ?? 0) : null,
    positive_offset: point.positive === undefined ? null : (point.positive.offset ?? 0),
    positive_counts: (point.positive?.bucket_counts ?? []).map(BigInt),
    negative_offset: point.negative === undefined ? null : (point.negative.offset ?? 0),
    negative_counts: (point.negative?.bucket_counts ?? []).map(BigInt),
    quantiles: (point.quantile_values ?? []).map((item: Message) => ({
      quantile: item.quantile ?? 0,
      value: item.value ?? 0,
    })),
    exemplars: (point.exemplars ?? []).map(exemplarRow),
    flags: point.flags ?? 0,
    attributes: attributes(point.attributes),
  };
}

function exemplarRow(exemplar: Message): Row {
  return {
    timestamp: BigInt(exemplar.time_unix_nano ?? 0),
    value: exemplar.as_double ?? (exemplar.as_int === undefined ? Number.NaN : Number(exemplar.as_int)),
    value_int: exemplar.as_int === undefined ? null : BigInt(exemplar.as_int),
    trace_id: optionalId(exemplar.trace_id),
    span_id: optionalId(exemplar.span_id),
    attributes: attributes(exemplar.filtered_attributes),
  };
}

/** The first value of each key. */
function attributes(entries: Message[] = []): Row {
  const found: Row = {};
  for (const { key = '', value } of entries) if (!Object.hasOwn(found, key)) found[key] = typed(value);
  return found;
}

function typed(value: Message = {}): { type: string; value: unknown } {
  if (value.string_value !== undefined) return { type: 'string', value: value.string_value };
  if (value.int_value !== undefined) return { type: 'int', value: BigInt(value.int_value) };
  if (value.double_value !== undefined) return { type: 'double', value: value.double_value };
  if (value.bool_value !== undefined) return { type: 'bool', value: value.bool_value };
  if (value.bytes_value !== undefined) return { type: 'bytes', value: base64(value.bytes_value) };
  if (value.array_value !== undefined) return { type: 'array', value: json(value) };
  if (value.kvlist_value !== undefined) return { type: 'map', value: json(value) };
  return { type: 'empty', value: '' };
}

function json(value: Message = {}): string {
  if (value.array_value !== undefined) return `[${(value.array_value.values ?? []).map(json).join(',')}]`;
  if (value.kvlist_value !== undefined) {
    const entries = (value.kvlist_value.values ?? []).map(
      (entry: Message) => `${JSON.stringify(entry.key ?? '')}:${json(entry.value)}`,
    );
    return `{${entries.join(',')}}`;
  }
  const { type, value: plain } = typed(value);
  if (type === 'empty') return 'null';
  if (type === 'int' || type === 'bool') return String(plain);
  if (type !== 'double') return JSON.stringify(plain);
  if (!Number.isFinite(plain)) return JSON.stringify(String(plain));
  const text = Object.is(plain, -0) ? '-0' : String(plain);
  return text.includes('.') || text.includes('e') ? text : `${text}.0`;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function optionalId(bytes: Uint8Array | undefined): string | null {
  return /^0*$/.test(hex(bytes)) ? null : hex(bytes);
}
