import type { TableName } from '../signal.ts';
import { type ColumnDefinition, column } from './column.ts';

const resource = { per: 'resource' };
const scope = { per: 'scope' };
const metric = { per: 'metric' };

const ORIGIN: readonly ColumnDefinition[] = [
  column('scope_name', 'text', scope),
  column('scope_version', 'text', scope),
  column('scope_attributes', 'attributes', scope),
  column('scope_schema_url', 'text', scope),
  column('attributes', 'attributes'),
  column('resource_attributes', 'attributes', resource),
  column('resource_schema_url', 'text', resource),
];

const EVENT: readonly ColumnDefinition[] = [
  column('timestamp', 'timestamp_ns'),
  column('name', 'text'),
  column('attributes', 'attributes'),
  column('dropped_attributes_count', 'uint32'),
];

const LINK: readonly ColumnDefinition[] = [
  column('trace_id', 'text'),
  column('span_id', 'text'),
  column('trace_state', 'text'),
  column('attributes', 'attributes'),
  column('dropped_attributes_count', 'uint32'),
  column('flags', 'uint32'),
];

const EXEMPLAR: readonly ColumnDefinition[] = [
  column('timestamp', 'timestamp_ns'),
  column('value', 'float64'),
  column('value_int', 'int64', { nullable: true }),
  column('trace_id', 'text', { nullable: true }),
  column('span_id', 'text', { nullable: true }),
  column('attributes', 'attributes'),
];

const QUANTILE: readonly ColumnDefinition[] = [column('quantile', 'float64'), column('value', 'float64')];

/**
 * The columns of the three tables as a batch in memory has them, in order. Ids are lower-case hex and NULL when absent;
 * text that OTLP leaves out is the empty string, as in proto3.
 */
export const TABLES: Readonly<Record<TableName, readonly ColumnDefinition[]>> = {
  traces: [
    column('timestamp', 'timestamp_ns'),
    column('duration_ns', 'int64'),
    column('trace_id', 'text'),
    column('span_id', 'text'),
    column('parent_span_id', 'text', { nullable: true }),
    column('trace_state', 'text'),
    column('flags', 'uint32'),
    column('service_name', 'text', resource),
    column('span_name', 'text'),
    column('span_kind', 'text', { per: 'span_kind' }),
    column('status_code', 'text', { per: 'status_code' }),
    column('status_message', 'text'),
    ...ORIGIN,
    column('events', { list: { struct: EVENT } }),
    column('links', { list: { struct: LINK } }),
    column('dropped_attributes_count', 'uint32'),
    column('dropped_events_count', 'uint32'),
    column('dropped_links_count', 'uint32'),
  ],
  logs: [
    column('timestamp', 'timestamp_ns'),
    column('observed_timestamp', 'timestamp_ns', { nullable: true }),
    column('trace_id', 'text', { nullable: true }),
    column('span_id', 'text', { nullable: true }),
    column('flags', 'uint32'),
    column('service_name', 'text', resource),
    column('severity_number', 'int32'),
    column('severity_text', 'text'),
    column('event_name', 'text'),
    column('body', 'text', { nullable: true }),
    ...ORIGIN,
    column('dropped_attributes_count', 'uint32'),
    column('body_type', 'text', { per: 'body_type' }),
  ],
  metrics: [
    column('timestamp', 'timestamp_ns'),
    column('start_timestamp', 'timestamp_ns', { nullable: true }),
    column('service_name', 'text', resource),
    column('metric_name', 'text', metric),
    column('description', 'text', metric),
    column('unit', 'text', metric),
    column('type', 'text', metric),
    column('temporality', 'text', { ...metric, nullable: true }),
    column('is_monotonic', 'bool', { ...metric, nullable: true }),
    column('value', 'float64', { nullable: true }),
    column('value_int', 'int64', { nullable: true }),
    column('count', 'uint64', { nullable: true }),
    column('sum', 'float64', { nullable: true }),
    column('min', 'float64', { nullable: true }),
    column('max', 'float64', { nullable: true }),
    column('bucket_counts', { list: 'uint64' }),
    column('explicit_bounds', { list: 'float64' }),
    column('scale', 'int32', { nullable: true }),
    column('zero_count', 'uint64', { nullable: true }),
    column('zero_threshold', 'float64', { nullable: true }),
    column('positive_offset', 'int32', { nullable: true }),
    column('positive_counts', { list: 'uint64' }),
    column('negative_offset', 'int32', { nullable: true }),
    column('negative_counts', { list: 'uint64' }),
    column('quantiles', { list: { struct: QUANTILE } }),
    column('exemplars', { list: { struct: EXEMPLAR } }),
    column('flags', 'uint32'),
    ...ORIGIN,
    column('metric_metadata', 'attributes', metric),
  ],
};
