import type { Signal } from '@openwit/ports';

export interface FieldSchema {
  /** In snake_case, as in the .proto files. */
  readonly name: string;
  readonly number: number;
  /** A scalar type, an enum or a message. `id` is bytes that are hex in JSON. */
  readonly type: string;
  readonly isRepeated: boolean;
}

export type MessageSchema = readonly FieldSchema[];

interface EnumSchema {
  readonly prefix: string;
  readonly names: readonly string[];
}

/** The names of the enums, by number; all start with the prefix. */
export const ENUMS: Readonly<Record<string, EnumSchema>> = {
  SpanKind: { prefix: 'SPAN_KIND_', names: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] },
  StatusCode: { prefix: 'STATUS_CODE_', names: ['UNSET', 'OK', 'ERROR'] },
  AggregationTemporality: { prefix: 'AGGREGATION_TEMPORALITY_', names: ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'] },
  SeverityNumber: { prefix: 'SEVERITY_NUMBER_', names: severityNames() },
};

function severityNames(): readonly string[] {
  const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
  return ['UNSPECIFIED', ...levels.flatMap((level) => [level, `${level}2`, `${level}3`, `${level}4`])];
}

/**
 * The messages of OTLP 1.x (opentelemetry-proto, `*_service.proto`, `trace.proto`, `logs.proto`, `metrics.proto`,
 * `common.proto`, `resource.proto`) as data: what the JSON form and the error messages need to know. The decoders know
 * the numbers themselves; a test holds both against the .proto text. Per message its fields, as
 * `name: 'number type'` or `name: 'number type[]'`.
 */
const MESSAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ExportTraceServiceRequest: { resource_spans: '1 ResourceSpans[]' },
  ExportLogsServiceRequest: { resource_logs: '1 ResourceLogs[]' },
  ExportMetricsServiceRequest: { resource_metrics: '1 ResourceMetrics[]' },
  ResourceSpans: { resource: '1 Resource', scope_spans: '2 ScopeSpans[]', schema_url: '3 string' },
  ResourceLogs: { resource: '1 Resource', scope_logs: '2 ScopeLogs[]', schema_url: '3 string' },
  ResourceMetrics: { resource: '1 Resource', scope_metrics: '2 ScopeMetrics[]', schema_url: '3 string' },
  ScopeSpans: { scope: '1 InstrumentationScope', spans: '2 Span[]', schema_url: '3 string' },
  ScopeLogs: { scope: '1 InstrumentationScope', log_records: '2 LogRecord[]', schema_url: '3 string' },
  ScopeMetrics: { scope: '1 InstrumentationScope', metrics: '2 Metric[]', schema_url: '3 string' },
  Resource: { attributes: '1 KeyValue[]', dropped_attributes_count: '2 uint32' },
  InstrumentationScope: {
    name: '1 string',
    version: '2 string',
    attributes: '3 KeyValue[]',
    dropped_attributes_count: '4 uint32',
  },
  KeyValue: { key: '1 string', value: '2 AnyValue' },
  AnyValue: {
    string_value: '1 string',
    bool_value: '2 bool',
    int_value: '3 int64',
    double_value: '4 double',
    array_value: '5 ArrayValue',
    kvlist_value: '6 KeyValueList',
    bytes_value: '7 bytes',
  },
  ArrayValue: { values: '1 AnyValue[]' },
  KeyValueList: { values: '1 KeyValue[]' },
  Span: {
    trace_id: '1 id',
    span_id: '2 id',
    trace_state: '3 string',
    parent_span_id: '4 id',
    name: '5 string',
    kind: '6 SpanKind',
    start_time_unix_nano: '7 fixed64',
    end_time_unix_nano: '8 fixed64',
    attributes: '9 KeyValue[]',
    dropped_attributes_count: '10 uint32',
    events: '11 Event[]',
    dropped_events_count: '12 uint32',
    links: '13 Link[]',
    dropped_links_count: '14 uint32',
    status: '15 Status',
    flags: '16 fixed32',
  },
  Event: {
    time_unix_nano: '1 fixed64',
    name: '2 string',
    attributes: '3 KeyValue[]',
    dropped_attributes_count: '4 uint32',
  },
  Link: {
    trace_id: '1 id',
    span_id: '2 id',
    trace_state: '3 string',
    attributes: '4 KeyValue[]',
    dropped_attributes_count: '5 uint32',
    flags: '6 fixed32',
  },
  Status: { message: '2 string', code: '3 StatusCode' },
  LogRecord: {
    time_unix_nano: '1 fixed64',
    severity_number: '2 SeverityNumber',
    severity_text: '3 string',
    body: '5 AnyValue',
    attributes: '6 KeyValue[]',
    dropped_attributes_count: '7 uint32',
    flags: '8 fixed32',
    trace_id: '9 id',
    span_id: '10 id',
    observed_time_unix_nano: '11 fixed64',
    event_name: '12 string',
  },
  Metric: {
    name: '1 string',
    description: '2 string',
    unit: '3 string',
    gauge: '5 Gauge',
    sum: '7 Sum',
    histogram: '9 Histogram',
    exponential_histogram: '10 ExponentialHistogram',
    summary: '11 Summary',
    metadata: '12 KeyValue[]',
  },
  Gauge: { data_points: '1 NumberDataPoint[]' },
  Sum: {
    data_points: '1 NumberDataPoint[]',
    aggregation_temporality: '2 AggregationTemporality',
    is_monotonic: '3 bool',
  },
  Histogram: { data_points: '1 HistogramDataPoint[]', aggregation_temporality: '2 AggregationTemporality' },
  ExponentialHistogram: {
    data_points: '1 ExponentialHistogramDataPoint[]',
    aggregation_temporality: '2 AggregationTemporality',
  },
  Summary: { data_points: '1 SummaryDataPoint[]' },
  NumberDataPoint: {
    start_time_unix_nano: '2 fixed64',
    time_unix_nano: '3 fixed64',
    as_double: '4 double',
    exemplars: '5 Exemplar[]',
    as_int: '6 sfixed64',
    attributes: '7 KeyValue[]',
    flags: '8 uint32',
  },
  HistogramDataPoint: {
    start_time_unix_nano: '2 fixed64',
    time_unix_nano: '3 fixed64',
    count: '4 fixed64',
    sum: '5 double',
    bucket_counts: '6 fixed64[]',
    explicit_bounds: '7 double[]',
    exemplars: '8 Exemplar[]',
    attributes: '9 KeyValue[]',
    flags: '10 uint32',
    min: '11 double',
    max: '12 double',
  },
  ExponentialHistogramDataPoint: {
    attributes: '1 KeyValue[]',
    start_time_unix_nano: '2 fixed64',
    time_unix_nano: '3 fixed64',
    count: '4 fixed64',
    sum: '5 double',
    scale: '6 sint32',
    zero_count: '7 fixed64',
    positive: '8 Buckets',
    negative: '9 Buckets',
    flags: '10 uint32',
    exemplars: '11 Exemplar[]',
    min: '12 double',
    max: '13 double',
    zero_threshold: '14 double',
  },
  Buckets: { offset: '1 sint32', bucket_counts: '2 uint64[]' },
  SummaryDataPoint: {
    start_time_unix_nano: '2 fixed64',
    time_unix_nano: '3 fixed64',
    count: '4 fixed64',
    sum: '5 double',
    quantile_values: '6 ValueAtQuantile[]',
    attributes: '7 KeyValue[]',
    flags: '8 uint32',
  },
  ValueAtQuantile: { quantile: '1 double', value: '2 double' },
  Exemplar: {
    time_unix_nano: '2 fixed64',
    as_double: '3 double',
    span_id: '4 id',
    trace_id: '5 id',
    as_int: '6 sfixed64',
    filtered_attributes: '7 KeyValue[]',
  },
};

export const REQUEST_MESSAGES: Readonly<Record<Signal, string>> = {
  traces: 'ExportTraceServiceRequest',
  logs: 'ExportLogsServiceRequest',
  metrics: 'ExportMetricsServiceRequest',
};

const SCHEMAS: ReadonlyMap<string, MessageSchema> = new Map(
  Object.entries(MESSAGES).map(([name, fields]) => [name, Object.entries(fields).map(parseField)]),
);

function parseField([name, text]: [string, string]): FieldSchema {
  const [, number, type, repeated] = /^(\d+) (\w+)(\[\])?$/.exec(text)!;
  return { name, number: Number(number), type: type!, isRepeated: repeated !== undefined };
}

/** The fields of a message; `undefined` for the name of a scalar type. */
export function messageSchema(type: string): MessageSchema | undefined {
  return SCHEMAS.get(type);
}
