import type { Signal } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { encodeRequest, type Message } from './otlp-proto.ts';

const TEXTS = [
  '',
  'a',
  'GET',
  'service-1',
  'http.route',
  'größe',
  '日本語',
  '😀',
  'quote " and \\',
  'line\nbreak\u0001',
  'x'.repeat(200),
  'ü'.repeat(90),
];
const INTS = [
  '0',
  '1',
  '-1',
  '127',
  '128',
  '2147483648',
  '-2147483649',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
];
const COUNTS = ['0', '1', '127', '4294967296', '18446744073709551615'];
const DOUBLES = [0, -0, 1, 1.5, -2.25, 1e21, 1e-9, 5e-324, Number.MAX_VALUE, Number.NaN, Infinity, -Infinity];
const TIMES = ['1', '1780000000000000000', '1780000000123456789', '9223372036854775806'];

/** Requests of valid records with every field, some left out at random; the same seed gives the same bytes. */
export class RandomRequests {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  next(signal: Signal): Uint8Array<ArrayBuffer> {
    return encodeRequest(signal, this.message(signal));
  }

  message(signal: Signal): Message {
    const name = signal === 'traces' ? 'spans' : signal;
    const records = { traces: 'spans', logs: 'log_records', metrics: 'metrics' }[signal];
    const record = { traces: () => this.#span(), logs: () => this.#log(), metrics: () => this.#metric() }[signal];
    return {
      [`resource_${name}`]: this.#list(3, () =>
        this.#some({
          resource: this.#some({
            attributes: [{ key: 'service.name', value: this.#value(1) }, ...this.#attributes()],
            dropped_attributes_count: this.#random.below(5),
          }),
          [`scope_${name}`]: this.#list(3, () => ({
            ...this.#some({
              scope: this.#some({
                name: this.#text(),
                version: this.#text(),
                attributes: this.#attributes(),
                dropped_attributes_count: 1,
              }),
              schema_url: this.#text(),
            }),
            [records]: this.#list(4, record),
          })),
          schema_url: this.#text(),
        }),
      ),
    };
  }

  #span(): Message {
    return {
      trace_id: this.#id(16),
      span_id: this.#id(8),
      ...this.#some({
        trace_state: this.#text(),
        parent_span_id: this.#optionalId(8),
        name: this.#text(),
        kind: this.#random.below(8),
        start_time_unix_nano: this.#time(),
        end_time_unix_nano: this.#time(),
        attributes: this.#attributes(),
        dropped_attributes_count: this.#uint32(),
        events: this.#list(3, () =>
          this.#some({
            time_unix_nano: this.#time(),
            name: this.#text(),
            attributes: this.#attributes(),
            dropped_attributes_count: this.#uint32(),
          }),
        ),
        dropped_events_count: this.#uint32(),
        links: this.#list(3, () => ({
          trace_id: this.#id(16),
          span_id: this.#id(8),
          ...this.#some({
            trace_state: this.#text(),
            attributes: this.#attributes(),
            dropped_attributes_count: this.#uint32(),
            flags: this.#uint32(),
          }),
        })),
        dropped_links_count: this.#uint32(),
        status: this.#some({ message: this.#text(), code: this.#random.below(4) }),
        flags: this.#uint32(),
      }),
    };
  }

  #log(): Message {
    return this.#some({
      time_unix_nano: this.#time(),
      observed_time_unix_nano: this.#time(),
      severity_number: this.#random.below(25),
      severity_text: this.#text(),
      body: this.#value(0),
      attributes: this.#attributes(),
      dropped_attributes_count: this.#uint32(),
      flags: this.#uint32(),
      trace_id: this.#optionalId(16),
      span_id: this.#optionalId(8),
      event_name: this.#text(),
    });
  }

  #metric(): Message {
    const number = () => this.#point({ ...this.#numberValue(), exemplars: this.#exemplars() });
    const data: Record<string, () => Message> = {
      gauge: () => ({ data_points: this.#list(4, number) }),
      sum: () => ({
        data_points: this.#list(4, number),
        ...this.#temporality(),
        is_monotonic: this.#random.below(2) === 1,
      }),
      histogram: () => ({ data_points: this.#list(4, () => this.#histogramPoint()), ...this.#temporality() }),
      exponential_histogram: () => ({
        data_points: this.#list(4, () => this.#exponentialPoint()),
        ...this.#temporality(),
      }),
      summary: () => ({ data_points: this.#list(4, () => this.#summaryPoint()) }),
    };
    const type = this.#random.pick(Object.keys(data));
    return {
      ...this.#some({
        name: this.#text(),
        description: this.#text(),
        unit: this.#text(),
        metadata: this.#attributes(),
      }),
      [type]: data[type]!(),
    };
  }

  #temporality(): Message {
    return this.#some({ aggregation_temporality: this.#random.below(4) });
  }

  #point(fields: Message): Message {
    return this.#some({
      ...fields,
      attributes: this.#attributes(),
      start_time_unix_nano: this.#time(),
      time_unix_nano: this.#time(),
      flags: this.#random.below(2),
    });
  }

  #histogramPoint(): Message {
    const bounds = this.#list(4, () => this.#random.pick(DOUBLES));
    const counts = [...bounds, 0].map(() => this.#random.pick(COUNTS));
    return {
      ...this.#point({ count: this.#random.pick(COUNTS), ...this.#totals(), exemplars: this.#exemplars() }),
      ...this.#random.pick([
        {},
        { bucket_counts: counts, explicit_bounds: bounds },
        { bucket_counts: counts.slice(0, 1) },
      ]),
    };
  }

  #exponentialPoint(): Message {
    const buckets = () =>
      this.#some({
        offset: this.#random.below(100) - 50,
        bucket_counts: this.#list(5, () => this.#random.pick(COUNTS)),
      });
    return this.#point({
      count: this.#random.pick(COUNTS),
      ...this.#totals(),
      scale: this.#random.below(40) - 20,
      zero_count: this.#random.pick(COUNTS),
      zero_threshold: 0.25,
      positive: buckets(),
      negative: buckets(),
      exemplars: this.#exemplars(),
    });
  }

  #summaryPoint(): Message {
    return this.#point({
      count: this.#random.pick(COUNTS),
      sum: this.#random.pick(DOUBLES),
      quantile_values: this.#list(4, () => this.#some({ quantile: 0.5, value: this.#random.pick(DOUBLES) })),
    });
  }

  #totals(): Message {
    return { sum: this.#random.pick(DOUBLES), min: this.#random.pick(DOUBLES), max: this.#random.pick(DOUBLES) };
  }

  #numberValue(): Message {
    return this.#random.pick([{}, { as_double: this.#random.pick(DOUBLES) }, { as_int: this.#random.pick(INTS) }]);
  }

  #exemplars(): Message[] {
    return this.#list(3, () =>
      this.#some({
        ...this.#numberValue(),
        time_unix_nano: this.#time(),
        trace_id: this.#optionalId(16),
        span_id: this.#optionalId(8),
        filtered_attributes: this.#attributes(),
      }),
    );
  }

  #attributes(): Message[] {
    return this.#list(6, () => this.#some({ key: this.#key(), value: this.#value(0) }));
  }

  #value(depth: number): Message {
    const make = [
      () => ({ string_value: this.#text() }),
      () => ({ int_value: this.#random.pick(INTS) }),
      () => ({ double_value: this.#random.pick(DOUBLES) }),
      () => ({ bool_value: this.#random.below(2) === 1 }),
      () => ({ bytes_value: this.#random.bytes(this.#random.below(6)) }),
      () => ({}),
      () => ({ array_value: { values: this.#list(3, () => this.#value(depth + 1)) } }),
      () => ({ kvlist_value: { values: this.#list(3, () => ({ key: this.#key(), value: this.#value(depth + 1) })) } }),
    ];
    return this.#random.pick(depth < 3 ? make : make.slice(0, 6))();
  }

  /** Keys repeat at the same places, as those of real records do, and sometimes not. */
  #key(): string {
    return this.#random.below(3) === 0 ? this.#text() : `key.${this.#random.below(4)}`;
  }

  #text(): string {
    return this.#random.pick(TEXTS);
  }

  #time(): string {
    return this.#random.pick(TIMES);
  }

  #uint32(): number {
    return this.#random.pick([0, 1, 300, 0xffffffff]);
  }

  #id(bytes: number): Uint8Array {
    return Uint8Array.of(...this.#random.bytes(bytes - 1), 1);
  }

  #optionalId(bytes: number): Uint8Array {
    return this.#random.pick([this.#id(bytes), new Uint8Array(bytes), new Uint8Array(0)]);
  }

  #list<T>(limit: number, make: () => T): T[] {
    return Array.from({ length: this.#random.below(limit + 1) }, make);
  }

  /** Leaves out a quarter of the fields. */
  #some(fields: Message): Message {
    return Object.fromEntries(Object.entries(fields).filter(() => this.#random.below(4) > 0));
  }
}
