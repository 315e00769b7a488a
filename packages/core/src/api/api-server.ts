import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type Clock,
  checkTenant,
  DEFAULT_TENANT,
  DEFAULT_TENANT_HEADER,
  isOpenWitError,
  OpenWitError,
  type Receiver,
  type ReceiverAddress,
  systemClock,
} from '@openwit/ports';
import { type QueryEngine, type QueryResult, resultToArrowStream, resultToJson, resultToNdjson } from '@openwit/query';
import { endResponse, listen, type ReceiverOptions, requestPath, stopListening, UnderWay } from '@openwit/transport';
import { parseStatement } from './statement.ts';

/** What it has in common with the receivers; its port defaults to 8080. */
export type ApiServerOptions = Pick<
  ReceiverOptions,
  'host' | 'port' | 'tenantHeader' | 'requestTimeoutMs' | 'stopTimeoutMs' | 'maxConnections'
>;

export interface ApiServerParts {
  readonly engine: Pick<QueryEngine, 'query'>;
  /** Why the node is not to be sent anything any more; default: it always is. */
  readonly failure?: () => OpenWitError | undefined;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Of a body: a statement and its parameters. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Read of a request that was refused, and thrown away, so that its client reads the answer. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

interface Format {
  readonly type: string;
  readonly write: (result: QueryResult) => AsyncIterable<Uint8Array>;
}

const FORMATS: readonly Format[] = [
  { type: 'application/json', write: resultToJson },
  { type: 'application/vnd.apache.arrow.stream', write: resultToArrowStream },
  { type: 'application/x-ndjson', write: resultToNdjson },
];

/** The HTTP API: `POST /api/v1/sql` with `{ "sql", "params"? }`, and `GET /health`, which is 503 when another has the node. */
export class ApiServer implements Receiver {
  readonly #engine: Pick<QueryEngine, 'query'>;
  readonly #failure: () => OpenWitError | undefined;
  readonly #clock: Clock;
  readonly #address: ReceiverAddress;
  readonly #tenantHeader: string;
  readonly #requestTimeoutMs: number;
  readonly #stopTimeoutMs: number;
  readonly #server: Server;
  readonly #underWay = new UnderWay();
  #stopped: Promise<void> | undefined;

  constructor(
    { engine, failure = () => undefined, clock = systemClock }: ApiServerParts,
    options: ApiServerOptions = {},
  ) {
    this.#engine = engine;
    this.#failure = failure;
    this.#clock = clock;
    this.#address = { host: options.host ?? '127.0.0.1', port: options.port ?? 8080 };
    this.#tenantHeader = (options.tenantHeader ?? DEFAULT_TENANT_HEADER).toLowerCase();
    this.#stopTimeoutMs = options.stopTimeoutMs ?? 5000;
    const requestTimeout = options.requestTimeoutMs ?? 30_000;
    this.#requestTimeoutMs = requestTimeout;
    const timeouts = { requestTimeout, headersTimeout: requestTimeout };
    const connectionsCheckingInterval = Math.min(1000, requestTimeout);
    this.#server = createServer({ ...timeouts, connectionsCheckingInterval, noDelay: true });
    this.#server.maxConnections = options.maxConnections ?? 1024;
    this.#server.on('request', (request, response) => {
      // Whatever fails in answering ends that one connection, not the process.
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** @throws invalid / INVALID_CONFIG when it cannot have the port */
  start(): Promise<ReceiverAddress> {
    return listen(this.#server, this.#address);
  }

  stop(): Promise<void> {
    this.#stopped ??= stopListening(this.#server, this.#underWay.drained(this.#clock, this.#stopTimeoutMs));
    return this.#stopped;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#underWay.track(response);
    if (this.#stopped !== undefined) response.setHeader('connection', 'close');
    const path = requestPath(request.url!);
    if (path === '/health' && request.method === 'GET') return this.#sendHealth(request, response);
    if (path !== '/api/v1/sql') {
      return this.#send(request, response, 404, { error: { message: 'no such path' } });
    }
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      return this.#send(request, response, 405, { error: { message: 'use POST' } });
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      await this.#query(request, response, gone.signal);
    } catch (error) {
      await this.#sendError(request, response, error);
    }
  }

  async #query(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const format = formatOf(request.headers.accept);
    const tenant = this.#tenantOf(request);
    const { sql, params } = parseStatement(await readText(request));
    const result = await this.#engine.query(sql, { tenant, signal, ...(params && { params }) });
    response.writeHead(200, { 'content-type': format.type });
    await pipeline(Readable.from(format.write(result), { objectMode: false }), response);
  }

  #sendHealth(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const failure = this.#failure();
    return failure === undefined
      ? this.#send(request, response, 200, { status: 'ok' })
      : this.#sendError(request, response, failure);
  }

  #tenantOf(request: IncomingMessage): string {
    const value = request.headers[this.#tenantHeader];
    return value === undefined ? DEFAULT_TENANT : checkTenant(String(value));
  }

  async #sendError(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    // Once rows are under way only a broken connection can tell the client that they are not all.
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const known = isOpenWitError(error)
      ? error
      : new OpenWitError('internal', 'INTERNAL', 'query failed', { cause: error });
    const { kind, code, message, details } = known;
    if (known.retryAfterMs !== undefined) response.setHeader('retry-after', Math.ceil(known.retryAfterMs / 1000));
    await this.#send(request, response, statusOf(known), { error: { kind, code, message, ...details } });
  }

  #send(request: IncomingMessage, response: ServerResponse, status: number, body: unknown): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const limits = { clock: this.#clock, maxBytes: MAX_DISCARDED_BYTES, maxMs: this.#requestTimeoutMs };
    return endResponse(request, response, status, headers, JSON.stringify(body), limits);
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // The answer goes out on the connection, so that must not be destroyed with the rest of the body.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new OpenWitError('invalid', 'REQUEST_TOO_LARGE', `request too large, maxBytes=${MAX_BODY_BYTES}`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The first of our formats that the client takes; JSON when it names none of them. */
function formatOf(accept: string | undefined): Format {
  return FORMATS.find(({ type }) => accept?.includes(type)) ?? FORMATS[0]!;
}

function statusOf({ kind, code }: OpenWitError): number {
  if (code === 'REQUEST_TOO_LARGE') return 413;
  if (code === 'QUERY_FORBIDDEN') return 403;
  if (code === 'QUERY_TIMEOUT') return 408;
  if (kind === 'invalid') return 400;
  if (kind === 'overloaded') return 429;
  return kind === 'internal' || kind === 'data' ? 500 : 503;
}
