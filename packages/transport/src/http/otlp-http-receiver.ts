import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  checkTenant,
  DEFAULT_TENANT,
  type IngestResult,
  type Receiver,
  type ReceiverAddress,
  type Signal,
} from '@openwit/ports';
import type { AdmissionShare } from '../receive/admission.ts';
import {
  type ErrorAnswer,
  errorAnswer,
  GRPC_STATUS,
  responseJson,
  responseMessage,
  statusJson,
  statusMessage,
} from '../receive/answer.ts';
import { ChunkedBody, ClientGone, readBody, requestTooLarge, SizedBody } from '../receive/body.ts';
import { contentEncoding } from '../receive/decompress.ts';
import { endResponse } from '../receive/early-answer.ts';
import { Intake } from '../receive/intake.ts';
import { listen, stopListening } from '../receive/listen.ts';
import {
  type ReceiverCollaborators,
  type ReceiverOptions,
  type ReceiverSettings,
  receiverSettings,
} from '../receive/receiver-options.ts';
import { requestPath } from '../receive/request-path.ts';

const DEFAULT_PORT = 4318;

const SIGNAL_PATHS: ReadonlyMap<string, Signal> = new Map([
  ['/v1/traces', 'traces'],
  ['/v1/logs', 'logs'],
  ['/v1/metrics', 'metrics'],
]);

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/**
 * OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, in
 * protobuf or JSON, plain or compressed with gzip, deflate or zstd.
 */
export class OtlpHttpReceiver implements Receiver {
  readonly #settings: ReceiverSettings;
  readonly #intake: Intake;
  readonly #server: Server;
  #stopped: Promise<void> | undefined;

  /** Options default to port 4318; see {@link ReceiverOptions}. @throws invalid / INVALID_CONFIG */
  constructor(collaborators: ReceiverCollaborators, options: ReceiverOptions = {}) {
    this.#settings = receiverSettings(collaborators, options, DEFAULT_PORT);
    this.#intake = new Intake(this.#settings);
    const { requestTimeoutMs, keepAliveTimeoutMs, maxConnections } = this.#settings;
    // Bodies have their own timeout, by the injected clock.
    const timeouts = { headersTimeout: requestTimeoutMs, requestTimeout: 0, keepAliveTimeout: keepAliveTimeoutMs };
    const checkEveryMs = Math.min(1000, requestTimeoutMs);
    this.#server = createServer({ ...timeouts, connectionsCheckingInterval: checkEveryMs, noDelay: true });
    this.#server.maxConnections = maxConnections;
    this.#server.on('request', (request, response) => {
      // Whatever fails in answering ends that one connection, not the process.
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  start(): Promise<ReceiverAddress> {
    return listen(this.#server, this.#settings);
  }

  stop(): Promise<void> {
    this.#stopped ??= stopListening(this.#server, this.#intake.stop());
    return this.#stopped;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#intake.track(response);
    // A client that goes away while it is answered is none of our business.
    response.on('error', () => {});
    const { clock, requestTimeoutMs, retryAfterSeconds } = this.#settings;
    const deadline = clock.monotonic() + requestTimeoutMs;
    const isJson = mediaType(request) === JSON_TYPE;
    const answerError = (answer: ErrorAnswer) => this.#answerError(request, response, isJson, answer, deadline);
    try {
      const signal = SIGNAL_PATHS.get(requestPath(request.url!));
      if (signal === undefined) {
        await answerError(routeAnswer(404, 'unknown path'));
      } else if (request.method !== 'POST') {
        response.setHeader('allow', 'POST');
        await answerError(routeAnswer(405, 'only POST is allowed'));
      } else if (!isJson && mediaType(request) !== PROTOBUF) {
        await answerError(routeAnswer(415, `content-type is neither ${PROTOBUF} nor ${JSON_TYPE}`));
      } else {
        const result = await this.#intake.run((share) => this.#ingest(request, signal, isJson, share));
        const body = isJson ? responseJson(signal, result) : responseMessage(result);
        await this.#answer(request, response, 200, isJson, body, deadline);
      }
    } catch (error) {
      if (error instanceof ClientGone) return;
      await answerError(errorAnswer(error, retryAfterSeconds * 1000));
    }
  }

  async #ingest(
    request: IncomingMessage,
    signal: Signal,
    isJson: boolean,
    share: AdmissionShare,
  ): Promise<IngestResult> {
    const { clock, requestTimeoutMs, tenantHeader } = this.#settings;
    const header = request.headers[tenantHeader];
    // A header that comes twice is one text with a comma, and no tenant's name.
    const tenant = header === undefined ? DEFAULT_TENANT : checkTenant(String(header));
    const encoding = contentEncoding(request.headers['content-encoding']);
    const target = this.#bodyFor(request, share);
    const body = await readBody(request, target, clock, requestTimeoutMs);
    return this.#intake.ingest({ tenant, signal, encoding, isJson, body }, share);
  }

  #bodyFor(request: IncomingMessage, share: AdmissionShare): SizedBody | ChunkedBody {
    const { maxRequestBytes } = this.#settings;
    const announced = request.headers['content-length'];
    if (announced === undefined) return new ChunkedBody(this.#intake.buffers, share, maxRequestBytes);
    const length = Number(announced);
    if (length > maxRequestBytes) throw requestTooLarge(maxRequestBytes);
    return new SizedBody(this.#intake.buffers, share, length);
  }

  #answerError(
    request: IncomingMessage,
    response: ServerResponse,
    isJson: boolean,
    answer: ErrorAnswer,
    deadline: number,
  ): Promise<void> {
    const { httpStatus, retryAfterMs } = answer;
    if (retryAfterMs !== undefined) response.setHeader('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)));
    const body = isJson ? statusJson(answer) : statusMessage(answer);
    return this.#answer(request, response, httpStatus, isJson, body, deadline);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    isJson: boolean,
    body: string | Uint8Array,
    deadline: number,
  ): Promise<void> {
    if (response.destroyed) return;
    if (this.#intake.isStopping) response.setHeader('connection', 'close');
    const { clock, maxRequestBytes } = this.#settings;
    const maxMs = deadline - clock.monotonic();
    const headers = { 'content-type': isJson ? JSON_TYPE : PROTOBUF };
    await endResponse(request, response, status, headers, body, { clock, maxBytes: 2 * maxRequestBytes, maxMs });
  }
}

function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

function routeAnswer(httpStatus: number, message: string): ErrorAnswer {
  return { httpStatus, grpcStatus: GRPC_STATUS.unimplemented, message };
}
