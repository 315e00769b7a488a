#!/usr/bin/env node
// Writes a deterministic OTLP workload: length-prefixed (u32 LE) protobuf Export*ServiceRequest messages.
//
//   node generate.mjs traces|logs|metrics OUT.bin [--requests 1000] [--per-request 1000] [--seed 42]
//
// Shape: 20 services; spans carry 5 resource and 8 span attributes, events on 10 %, errors on 5 %;
// log bodies come from 100 templates with ids and numbers, 4 attributes each; metrics are gauges,
// monotonic sums and explicit-bucket histograms. The same arguments always give the same bytes.
import { closeSync, openSync, writeSync } from 'node:fs';

class Writer {
  buffer = Buffer.allocUnsafe(256);
  length = 0;
  #reserve(bytes) {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
  varint(value) {
    this.#reserve(10);
    while (value >= 128) {
      this.buffer[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.buffer[this.length++] = value;
  }
  int(field, value) {
    this.varint(field * 8);
    this.varint(value);
  }
  bytes(field, value) {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.#reserve(value.length);
    value.copy(this.buffer, this.length);
    this.length += value.length;
  }
  string(field, value) {
    this.bytes(field, Buffer.from(value));
  }
  fixed64(field, value) {
    this.varint(field * 8 + 1);
    this.#reserve(8);
    this.length = this.buffer.writeBigUInt64LE(value, this.length);
  }
  double(field, value) {
    this.varint(field * 8 + 1);
    this.#reserve(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }
  packedFixed64(field, values) {
    const packed = Buffer.alloc(values.length * 8);
    for (const [i, value] of values.entries()) packed.writeBigUInt64LE(BigInt(value), i * 8);
    this.bytes(field, packed);
  }
  packedDouble(field, values) {
    const packed = Buffer.alloc(values.length * 8);
    for (const [i, value] of values.entries()) packed.writeDoubleLE(value, i * 8);
    this.bytes(field, packed);
  }
  message(field, write) {
    const inner = new Writer();
    write(inner);
    this.bytes(field, inner.finish());
  }
  finish() {
    return this.buffer.subarray(0, this.length);
  }
}

const [signal, out, ...rest] = process.argv.slice(2);
const option = (name, fallback) => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(rest[at + 1]);
};
const requests = option('requests', 1000);
const perRequest = option('per-request', 1000);
let state = option('seed', 42) >>> 0;
if (!['traces', 'logs', 'metrics'].includes(signal) || !out) {
  console.error('usage: generate.mjs traces|logs|metrics OUT.bin [--requests N] [--per-request N] [--seed N]');
  process.exit(2);
}

const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const id = (bytes) => Buffer.from(Array.from({ length: bytes }, () => below(256)));

const services = Array.from({ length: 20 }, (_, i) => `service-${i}`);
const routes = Array.from({ length: 200 }, (_, i) => `${['GET', 'POST', 'PUT'][i % 3]} /api/v1/resource-${i}/{id}`);
const words = (
  'connection request timeout retry failed user order payment cache miss hit database query slow upstream ' +
  'response status error warning started stopped queue message consumed published offset partition leader election ' +
  'snapshot restored checkpoint commit rollback transaction lock deadlock token expired session refused reset peer ' +
  'tls handshake certificate invalid'
).split(' ');
const templates = Array.from({ length: 100 }, () => Array.from({ length: 8 + below(8) }, () => pick(words)));

const attribute = (writer, field, key, value) =>
  writer.message(field, (kv) => {
    kv.string(1, key);
    kv.message(2, (any) => {
      if (typeof value === 'string') any.string(1, value);
      else if (typeof value === 'boolean') any.int(2, value ? 1 : 0);
      else any.int(3, value);
    });
  });
const resource = (writer, service) =>
  writer.message(1, (res) => {
    attribute(res, 1, 'service.name', service);
    attribute(res, 1, 'host.name', `host-${below(50)}`);
    attribute(res, 1, 'k8s.pod.name', `${service}-${below(9)}`);
    attribute(res, 1, 'deployment.environment', 'prod');
    attribute(res, 1, 'telemetry.sdk.language', 'nodejs');
  });
const scope = (writer, name) =>
  writer.message(1, (s) => {
    s.string(1, name);
    s.string(2, '1.0.0');
  });

let now = 1_780_000_000_000_000_000n;
const start = now;

function spans(writer, count) {
  let traceId, parent;
  for (let i = 0; i < count; i++) {
    if (i % 8 === 0) {
      traceId = id(16);
      parent = undefined;
    }
    const spanId = id(8);
    now += 1_000_000n;
    writer.message(2, (span) => {
      span.bytes(1, traceId);
      span.bytes(2, spanId);
      if (parent) span.bytes(4, parent);
      span.string(5, pick(routes));
      span.int(6, 1 + below(4));
      span.fixed64(7, now);
      span.fixed64(8, now + BigInt(1000 + below(50_000_000)));
      attribute(span, 9, 'http.request.method', pick(['GET', 'POST', 'PUT']));
      attribute(span, 9, 'http.route', pick(routes));
      attribute(span, 9, 'http.response.status_code', pick([200, 200, 200, 404, 500]));
      attribute(span, 9, 'user.id', `user-${below(100_000)}`);
      attribute(span, 9, 'net.peer.name', `10.0.${below(256)}.${below(256)}`);
      attribute(span, 9, 'thread.id', below(64));
      attribute(span, 9, 'cache.hit', random() < 0.5);
      attribute(span, 9, 'request.id', id(8).toString('hex'));
      if (random() < 0.1)
        span.message(11, (event) => {
          event.fixed64(1, now);
          event.string(2, 'exception');
          attribute(event, 3, 'exception.message', `boom ${below(1000)}`);
        });
      if (random() < 0.05)
        span.message(15, (status) => {
          status.string(2, 'failed');
          status.int(3, 2);
        });
    });
    parent = spanId;
  }
}

function logs(writer, count) {
  for (let i = 0; i < count; i++) {
    now += 700_000n;
    writer.message(2, (record) => {
      const severity = pick([9, 9, 9, 9, 13, 17]);
      const template = pick(templates);
      record.fixed64(1, now);
      record.int(2, severity);
      record.string(3, severity === 9 ? 'INFO' : severity === 13 ? 'WARN' : 'ERROR');
      record.message(5, (body) =>
        body.string(
          1,
          `${template.slice(0, 5).join(' ')} id=${below(2 ** 31).toString(16)} took ${below(5000)}ms ` +
            `user-${below(100_000)} ${template.slice(5).join(' ')}`,
        ),
      );
      attribute(record, 6, 'http.route', `/api/v1/r${below(200)}`);
      attribute(record, 6, 'user.id', `user-${below(100_000)}`);
      attribute(record, 6, 'thread.id', below(64));
      attribute(record, 6, 'request.id', id(8).toString('hex'));
      record.bytes(9, id(16));
      record.bytes(10, id(8));
      record.fixed64(11, now);
    });
  }
}

function metrics(writer, count) {
  for (let i = 0; i < count; i++) {
    now += 300_000n;
    const kind = i % 3;
    writer.message(2, (metric) => {
      metric.string(1, ['process.memory.usage', 'http.server.requests', 'http.server.duration'][kind]);
      metric.string(3, ['By', '{request}', 'ms'][kind]);
      metric.message([5, 7, 9][kind], (data) => {
        data.message(1, (point) => {
          point.fixed64(2, start);
          point.fixed64(3, now);
          if (kind === 2) {
            const buckets = [0, 1, 2, 3, 4].map(() => below(100));
            point.fixed64(4, BigInt(buckets.reduce((a, b) => a + b)));
            point.double(5, random() * 1000);
            point.packedFixed64(6, buckets);
            point.packedDouble(7, [5, 10, 50, 250]);
            attribute(point, 9, 'http.route', pick(routes));
          } else {
            point.double(4, random() * 1e6);
            attribute(point, 7, 'http.route', pick(routes));
          }
        });
        if (kind > 0) data.int(2, 2);
        if (kind === 1) data.int(3, 1);
      });
    });
  }
}

const records = { traces: spans, logs, metrics }[signal];
const file = openSync(out, 'w');
for (let r = 0; r < requests; r++) {
  const request = new Writer();
  for (let group = 0; group < 5; group++) {
    request.message(1, (perResource) => {
      resource(perResource, pick(services));
      perResource.message(2, (perScope) => {
        scope(perScope, '@opentelemetry/instrumentation-http');
        records(perScope, perRequest / 5);
      });
    });
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(request.length);
  writeSync(file, length);
  writeSync(file, request.finish());
}
closeSync(file);
