import {
  type Clock,
  checkTenant,
  DEFAULT_TENANT,
  type IngestRequest,
  type IngestResult,
  keepingAlive,
  type ObjectOperation,
  OpenWitError,
  type Receiver,
  type Signal,
  systemClock,
  type TableUsage,
} from '@openwit/ports';
import { QueryEngine, type QueryOptions, type QueryResult } from '@openwit/query';
import { analysersOf, type MatchRows, type RequestCount, type StoreStats } from '@openwit/storage';
import { OtlpGrpcReceiver, OtlpHttpReceiver } from '@openwit/transport';
import { ApiServer } from './api/api-server.ts';
import { closeAll } from './close-all.ts';
import { DurableQueue } from './exporters/durable-queue.ts';
import { OpenWitLogExporter } from './exporters/log-exporter.ts';
import { type MetricExporterOptions, OpenWitMetricExporter } from './exporters/metric-exporter.ts';
import { OpenWitSpanExporter } from './exporters/span-exporter.ts';
import type { IngestOptions } from './ingest/ingest-settings.ts';
import { Ingestor, type IngestorStats } from './ingest/ingestor.ts';
import { INDEX_MODULE, type NodeStorage, openDiskStorage, openMemoryStorage, ROW_MODULE } from './node-storage.ts';
import type { Listening, ListenOptions, OpenWitOptions } from './open-wit-options.ts';
import { checkOptions } from './option-checks.ts';
import { toStatement } from './sql-tag.ts';
import { within } from './time-limit.ts';

const MEMORY_BATCH_AGE_MS = 24 * 3600 * 1000;

export interface ExporterOptions {
  /** Default `default`. */
  readonly tenant?: string;
}

export interface DeleteOptions extends Pick<QueryOptions, 'params'> {
  /** Default `default`. */
  readonly tenant?: string;
  readonly signal: Signal;
  /** SQL as it stands behind WHERE, without subqueries. `now()` is the time of the call. */
  readonly where: string;
  /** How long it may take, in milliseconds. Default: as long as it takes. */
  readonly timeoutMs?: number;
  /** Cancels it: some of the records may be removed then, and calling it again goes on. */
  readonly abortSignal?: AbortSignal;
}

/** Plain numbers, but for errors; see each part. */
export interface NodeStats {
  readonly ingest: IngestorStats;
  /** Batches, files, and the work in the background with why it last failed. */
  readonly store: StoreStats;
  /** Requests to the stores of the tiers, of queries and of the store itself, attempts that failed included. */
  readonly objectRequests: Partial<Record<ObjectOperation, RequestCount>>;
}

interface Parts {
  readonly clock: Clock;
  readonly storage: NodeStorage;
  readonly ingestor: Ingestor;
  readonly engine: QueryEngine;
}

/**
 * An embedded node: telemetry in by exporters or by OTLP, durable when acknowledged, SQL out.
 *
 * ```ts
 * await using wit = await OpenWit.open({ dataDir: './data' });
 * ```
 * When another process has opened its data, everything but `close` is refused with fenced / FENCED; nothing is lost.
 */
export class OpenWit {
  readonly #clock: Clock;
  readonly #storage: NodeStorage;
  readonly #ingestor: Ingestor;
  readonly #engine: QueryEngine;
  readonly #queues: DurableQueue[] = [];
  #servers: Receiver[] = [];
  #closing: Promise<void> | undefined;

  private constructor({ clock, storage, ingestor, engine }: Parts) {
    this.#clock = clock;
    this.#storage = storage;
    this.#ingestor = ingestor;
    this.#engine = engine;
  }

  /**
   * Opens the node and takes back what its log holds.
   * @throws invalid / INVALID_CONFIG, DATA_DIR_LOCKED; data / STORE_CORRUPTION
   */
  static async open(options: OpenWitOptions): Promise<OpenWit> {
    const { clock = systemClock } = options;
    checkOptions(options);
    const storage = options.dataDir === ':memory:' ? openMemoryStorage() : await openDiskStorage(options);
    try {
      const { wal, store, nextBatchId, folders } = storage;
      const tenantLimits = options.tenants?.limits ?? [];
      const ingestor = new Ingestor({ wal, store, clock, nextBatchId, tenantLimits }, ingestOptions(options));
      const rules = options.indexing?.rules ?? [];
      const engine = new QueryEngine(
        {
          source: ingestor,
          clock,
          usage: () => store.usage(),
          searchModule: INDEX_MODULE,
          rowModule: ROW_MODULE,
          analysersOf: (tenant, table) => analysersOf(rules, tenant, table),
        },
        { ...options.query, ...folders },
      );
      await keepingAlive(ingestor.recover());
      return new OpenWit({ clock, storage, ingestor, engine });
    } catch (error) {
      await storage.close();
      throw error;
    }
  }

  /** Starts the servers whose ports are given. A node listens once. */
  async listen(options: ListenOptions): Promise<Listening> {
    this.#checkOpen();
    const { grpc, http, api, ...shared } = options;
    const sink = this.#ingestor;
    const clock = this.#clock;
    const engine = this.#engine;
    const failure = () => this.#storage.store.fenced;
    return {
      ...(grpc !== undefined && {
        grpc: await this.#start(new OtlpGrpcReceiver({ sink, clock }, { ...shared, port: grpc })),
      }),
      ...(http !== undefined && {
        http: `http://${await this.#start(new OtlpHttpReceiver({ sink, clock }, { ...shared, port: http }))}`,
      }),
      ...(api !== undefined && {
        api: `http://${await this.#start(new ApiServer({ engine, failure, clock }, { ...shared, port: api }))}`,
      }),
    };
  }

  /** For `new BatchSpanProcessor(wit.spanExporter())`. Needs no other package. */
  spanExporter(options: ExporterOptions = {}): OpenWitSpanExporter {
    return new OpenWitSpanExporter(this.#queue('traces', options));
  }

  /** For `new BatchLogRecordProcessor(…)`. Needs `@opentelemetry/otlp-transformer`. */
  logExporter(options: ExporterOptions = {}): OpenWitLogExporter {
    return new OpenWitLogExporter(this.#queue('logs', options));
  }

  /** For `new PeriodicExportingMetricReader({ exporter: … })`. Needs `@opentelemetry/otlp-transformer`. */
  metricExporter(options: ExporterOptions & MetricExporterOptions = {}): OpenWitMetricExporter {
    return new OpenWitMetricExporter(this.#queue('metrics', options), options);
  }

  /** One OTLP request as protobuf bytes, which must not change meanwhile. Resolves when its records are on disk and queryable. */
  ingest(request: IngestRequest): Promise<IngestResult> {
    this.#checkOpen();
    return this.#ingestor.ingest(request);
  }

  /** SQL over everything that was acknowledged before the call; see {@link QueryEngine}. */
  query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    this.#checkOpen();
    return this.#engine.query(sql, options);
  }

  /** SQL with values in its place: ``await wit.sql`select * from traces where trace_id = ${id}` `` gives the rows. */
  async sql(texts: TemplateStringsArray, ...values: readonly unknown[]): Promise<Record<string, unknown>[]> {
    const { sql, params } = toStatement(texts, values);
    const result = await this.query(sql, { params });
    return result.rows();
  }

  /** What each tenant's tables have in files. In SQL a tenant reads its own as `openwit.usage`. */
  usage(): TableUsage[] {
    this.#checkOpen();
    return this.#storage.store.usage();
  }

  /** What the node has done since it was opened, and what it does in the background. */
  stats(): NodeStats {
    this.#checkOpen();
    return {
      ingest: this.#ingestor.stats(),
      store: this.#storage.store.stats(),
      objectRequests: this.#storage.objectRequests(),
    };
  }

  /**
   * Resolves when everything that was acknowledged before the call is in Parquet files. As a back-up and a deletion do, it waits
   * for the log of the run before. @throws unavailable / RECOVERING when that log cannot be read
   */
  flush(): Promise<void> {
    this.#checkOpen();
    return keepingAlive(this.#ingestor.flush());
  }

  /**
   * Copies the node to a folder while it runs: everything that was acknowledged before the call, and nothing that is torn. On the
   * same disk the files are linked and take no room. A node is restored by opening the folder, or a copy of it, as its
   * `dataDir`; files of other tiers stay where they are, and are the restored node's too.
   * @throws invalid / INVALID_CONFIG when there is something in the folder, and for a node in memory;
   * unavailable / STORE_UNAVAILABLE
   */
  async backup(folder: string): Promise<void> {
    this.#checkOpen();
    await keepingAlive(this.#storage.backup(folder, () => this.#ingestor.flush()));
  }

  /**
   * Removes everything of a tenant that was acknowledged before the call: from memory, the log, every tier, and what readers
   * of older snapshots could see. Resolves when nothing is left; queries that read it are waited for. What the log keeps for
   * repair goes too, but for whole records of other tenants: whose a damaged stretch is cannot be told.
   * @throws invalid / INVALID_TENANT; unavailable / STORE_UNAVAILABLE, OBJECT_STORE_UNAVAILABLE, WAL_UNAVAILABLE: calling it
   * again goes on
   */
  async deleteTenant(tenant: string): Promise<void> {
    this.#checkOpen();
    checkTenant(tenant);
    await keepingAlive(this.#erase(tenant, () => this.#storage.store.deleteTenant(tenant)));
  }

  /**
   * Removes the records of a table that a condition holds for and that were acknowledged before the call: from the log, every
   * tier, and what readers of older snapshots could see. Resolves when nothing of them is left; queries that read them are waited
   * for. What the log keeps for repair goes as with {@link deleteTenant}.
   *
   * ```ts
   * await wit.deleteRecords({ signal: 'logs', where: `attributes['user.id'] = $1`, params: ['user-77'] });
   * ```
   * @returns how many were removed
   * @throws as {@link query}, but for OVERLOADED, which is waited for; QUERY_TIMEOUT and QUERY_CANCELLED as the options want;
   * invalid / INVALID_CONFIG for a node in memory; unavailable / STORE_UNAVAILABLE, OBJECT_STORE_UNAVAILABLE, WAL_UNAVAILABLE:
   * calling it again goes on
   */
  async deleteRecords(options: DeleteOptions): Promise<number> {
    this.#checkOpen();
    const { signal: table, where, params } = options;
    const tenant = checkTenant(options.tenant ?? DEFAULT_TENANT);
    const asked = { tenant, table, where, nowMs: this.#clock.now(), ...(params !== undefined && { params }) };
    const remove = (signal: AbortSignal) => {
      signal.throwIfAborted();
      const match: MatchRows = (snapshot, file) => this.#engine.matchRows({ ...asked, snapshot, file, signal });
      return this.#storage.store.deleteRows(tenant, table, match, signal);
    };
    return keepingAlive(within(this.#clock, options, (signal) => this.#erase(tenant, () => remove(signal))));
  }

  /** Answers what is under way, flushes, and lets go of the data folder. Closing twice waits for the first. */
  close(): Promise<void> {
    this.#closing ??= keepingAlive(this.#close());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await closeAll([
      () => Promise.all(this.#servers.map((server) => server.stop())),
      () => Promise.all(this.#queues.map((queue) => queue.shutdown())),
      () => this.#ingestor.close(),
      () => this.#engine.close(),
      () => this.#storage.close(),
    ]);
  }

  /** Lets the store remove what was acknowledged before, and then the log. */
  async #erase<T>(tenant: string, remove: () => Promise<T>): Promise<T> {
    const { wal } = this.#storage;
    await this.#ingestor.flush();
    const result = await remove();
    await wal.giveUpRepair(tenant);
    // The segment that has its records may have others that came later: those must be in files before it can go.
    await wal.roll();
    await this.#ingestor.flush();
    await wal.roll();
    return result;
  }

  async #start(server: Receiver): Promise<string> {
    const { host, port } = await server.start();
    this.#servers.push(server);
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  #queue(signal: Signal, { tenant = DEFAULT_TENANT }: ExporterOptions): DurableQueue {
    this.#checkOpen();
    const queue = new DurableQueue(
      { sink: this.#ingestor, clock: this.#clock },
      { signal, tenant: checkTenant(tenant) },
    );
    this.#queues.push(queue);
    return queue;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new OpenWitError('closed', 'CLOSED', 'node is closed');
  }
}

/** In a node in memory a sealed batch goes nowhere: by its age it need not be sealed. */
function ingestOptions({ dataDir, ingest = {} }: OpenWitOptions): IngestOptions {
  if (dataDir !== ':memory:') return ingest;
  return { ...ingest, batch: { maxAgeMs: MEMORY_BATCH_AGE_MS, ...ingest.batch } };
}
