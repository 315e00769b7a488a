import type { Attributes, Link, SpanContext } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import { OpenWitError } from '@openwit/ports';
import type { Encoded } from './durable-queue.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;
/** Keys seen in attributes, as bytes; past the limit the least useful thing to do is to keep more. */
const MAX_CACHED_KEYS = 4096;
/** Of arrays and maps in each other; one that holds itself would have no end. */
const MAX_DEPTH = 32;

/**
 * Spans of the OpenTelemetry SDK as an `ExportTraceServiceRequest` (OTLP 1.11), without an object in between. Field
 * numbers are those of opentelemetry/proto/trace/v1/trace.proto; the meaning is that of `ProtobufTraceSerializer`.
 */
export class SpanEncoder {
  readonly #writer = new ProtobufWriter();
  readonly #keys = new Map<string, Uint8Array>();
  #depth = 0;

  /** A span that cannot be encoded is left out alone. */
  encode(spans: readonly ReadableSpan[]): Encoded {
    const writer = this.#writer;
    const failures: unknown[] = [];
    // An earlier call that failed left its bytes behind.
    writer.rewind(0);
    this.#depth = 0;
    for (const [resource, scopes] of byOrigin(spans)) {
      const resourceSpans = writer.begin(1);
      this.#resource(resource);
      for (const [scope, members] of scopes) {
        const scopeSpans = writer.begin(2);
        this.#scope(scope);
        for (const span of members) this.#tryToAdd(span, failures);
        if (scope.schemaUrl) writer.text(3, scope.schemaUrl);
        writer.end(scopeSpans);
      }
      if (resource.schemaUrl) writer.text(3, resource.schemaUrl);
      writer.end(resourceSpans);
    }
    return { payload: writer.take(), ...(failures.length > 0 && { error: leftOut(failures) }) };
  }

  #tryToAdd(span: ReadableSpan, failures: unknown[]): void {
    const start = this.#writer.mark();
    this.#depth = 0;
    try {
      this.#span(span);
    } catch (error) {
      this.#writer.rewind(start);
      failures.push(error);
    }
  }

  #resource(resource: Resource): void {
    const start = this.#writer.begin(1);
    this.#attributes(1, resource.attributes as Attributes);
    this.#writer.end(start);
  }

  #scope(scope: InstrumentationScope): void {
    const start = this.#writer.begin(1);
    this.#writer.text(1, scope.name);
    if (scope.version) this.#writer.text(2, scope.version);
    const { attributes } = scope as { attributes?: Attributes };
    if (attributes !== undefined) this.#attributes(3, attributes);
    this.#writer.end(start);
  }

  #span(span: ReadableSpan): void {
    const writer = this.#writer;
    const context = span.spanContext();
    const start = writer.begin(2);
    writer.hex(1, context.traceId);
    writer.hex(2, context.spanId);
    if (context.traceState !== undefined) writer.text(3, context.traceState.serialize());
    if (span.parentSpanContext?.spanId) writer.hex(4, span.parentSpanContext.spanId);
    writer.text(5, String(span.name));
    writer.uint32(6, span.kind + 1);
    writer.time(7, span.startTime);
    writer.time(8, span.endTime);
    this.#attributes(9, span.attributes);
    if (span.droppedAttributesCount > 0) writer.uint32(10, span.droppedAttributesCount);
    for (const event of span.events) this.#event(event);
    if (span.droppedEventsCount > 0) writer.uint32(12, span.droppedEventsCount);
    for (const link of span.links) this.#link(link);
    if (span.droppedLinksCount > 0) writer.uint32(14, span.droppedLinksCount);
    this.#status(span.status);
    writer.fixed32(16, flagsOf(context, span.parentSpanContext));
    writer.end(start);
  }

  #event(event: TimedEvent): void {
    const start = this.#writer.begin(11);
    this.#writer.time(1, event.time);
    this.#writer.text(2, String(event.name));
    if (event.attributes !== undefined) this.#attributes(3, event.attributes);
    if (event.droppedAttributesCount) this.#writer.uint32(4, event.droppedAttributesCount);
    this.#writer.end(start);
  }

  #link(link: Link): void {
    const writer = this.#writer;
    const start = writer.begin(13);
    writer.hex(1, link.context.traceId);
    writer.hex(2, link.context.spanId);
    if (link.context.traceState !== undefined) writer.text(3, link.context.traceState.serialize());
    if (link.attributes !== undefined) this.#attributes(4, link.attributes);
    if (link.droppedAttributesCount) writer.uint32(5, link.droppedAttributesCount);
    writer.fixed32(6, flagsOf(link.context, link.context));
    writer.end(start);
  }

  #status({ code, message }: ReadableSpan['status']): void {
    if (code === 0 && !message) return;
    const start = this.#writer.begin(15);
    if (message) this.#writer.text(2, message);
    this.#writer.uint32(3, code);
    this.#writer.end(start);
  }

  #attributes(field: number, attributes: Attributes): void {
    const writer = this.#writer;
    for (const key in attributes) {
      const value: unknown = attributes[key];
      const keyBytes = this.#keyBytes(key);
      if (typeof value === 'string' && writer.shortTextAttribute(field, keyBytes, value)) continue;
      const start = writer.begin(field);
      writer.raw(keyBytes);
      this.#value(2, value);
      writer.end(start);
    }
  }

  /** An `AnyValue` (common.proto) in the given field. */
  #value(field: number, value: unknown): void {
    this.#depth++;
    if (this.#depth > MAX_DEPTH) throw new Error(`an attribute is nested more than ${MAX_DEPTH} levels deep`);
    this.#valueOf(field, value);
    this.#depth--;
  }

  #valueOf(field: number, value: unknown): void {
    const writer = this.#writer;
    const start = writer.begin(field);
    if (typeof value === 'string') writer.text(1, value);
    else if (typeof value === 'boolean') writer.uint32(2, value ? 1 : 0);
    else if (typeof value === 'number') this.#number(value);
    else if (value instanceof Uint8Array) writer.bytes(7, value);
    else if (Array.isArray(value)) this.#array(value);
    else if (typeof value === 'object' && value !== null) this.#map(value as Attributes);
    writer.end(start);
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) this.#writer.int64(3, value);
    else this.#writer.double(4, value);
  }

  #array(values: readonly unknown[]): void {
    const start = this.#writer.begin(5);
    for (const value of values) this.#value(1, value);
    this.#writer.end(start);
  }

  #map(values: Attributes): void {
    const start = this.#writer.begin(6);
    this.#attributes(1, values);
    this.#writer.end(start);
  }

  /** A key as the first field of its `KeyValue`. */
  #keyBytes(key: string): Uint8Array {
    const cached = this.#keys.get(key);
    if (cached !== undefined) return cached;
    const writer = new ProtobufWriter();
    writer.text(1, key);
    const bytes = writer.take();
    if (this.#keys.size < MAX_CACHED_KEYS) this.#keys.set(key, bytes);
    return bytes;
  }
}

function leftOut(failures: readonly unknown[]): OpenWitError {
  const [cause] = failures;
  const message = `spans could not be encoded, count=${failures.length}`;
  return new OpenWitError('invalid', 'MALFORMED_OTLP', message, { cause });
}

/** W3C trace flags, and whether the parent is known to be remote (trace.proto, SpanFlags). */
function flagsOf(context: SpanContext, parent: SpanContext | undefined): number {
  return (context.traceFlags & 0xff) | HAS_IS_REMOTE | (parent?.isRemote ? IS_REMOTE : 0);
}

type Origins = Map<Resource, Map<InstrumentationScope, ReadableSpan[]>>;

function byOrigin(spans: readonly ReadableSpan[]): Origins {
  const origins: Origins = new Map();
  let lastResource: Resource | undefined;
  let lastScope: InstrumentationScope | undefined;
  let members: ReadableSpan[] = [];
  for (const span of spans) {
    if (span.resource !== lastResource || span.instrumentationScope !== lastScope) {
      lastResource = span.resource;
      lastScope = span.instrumentationScope;
      const scopes = getOrAdd(origins, lastResource, () => new Map<InstrumentationScope, ReadableSpan[]>());
      members = getOrAdd(scopes, lastScope, () => []);
    }
    members.push(span);
  }
  return origins;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
