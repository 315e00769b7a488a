import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import {
  checkTenant,
  DEFAULT_TENANT,
  type IngestResult,
  type Receiver,
  type ReceiverAddress,
  type Signal,
} from '@openwit/ports';
import type { AdmissionShare } from '../receive/admission.ts';
import { type ErrorAnswer, errorAnswer, GRPC_STATUS, responseMessage, statusMessage } from '../receive/answer.ts';
import { ClientGone, malformedBody, readBody } from '../receive/body.ts';
import { CONTENT_ENCODINGS, contentEncoding } from '../receive/decompress.ts';
import { Intake } from '../receive/intake.ts';
import { listen } from '../receive/listen.ts';
import {
  type ReceiverCollaborators,
  type ReceiverOptions,
  type ReceiverSettings,
  receiverSettings,
} from '../receive/receiver-options.ts';
import { GrpcMessageBody, grpcFrame } from './grpc-frame.ts';
import { encodeGrpcMessage, parseGrpcTimeout, shortMessage } from './grpc-headers.ts';

const DEFAULT_PORT = 4317;

/** HTTP/2's default windows of 64 KiB would make every large request wait for round trips. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 32 * 1024 * 1024;
const MAX_FRAME_BYTES = 1024 * 1024;

/** What the last answers of a receiver that stops may take to leave. */
const GOODBYE_MS = 1000;

const METHODS: ReadonlyMap<string, Signal> = new Map([
  ['/opentelemetry.proto.collector.trace.v1.TraceService/Export', 'traces'],
  ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
  ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
]);

const CONTENT_TYPE = /^application\/grpc(\+proto)?(;|$)/;

/**
 * OTLP/gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc): the three `Export` calls, unary, over HTTP/2 without
 * TLS. Written on node:http2 itself, which takes more than twice the requests that grpc-js does.
 */
export class OtlpGrpcReceiver implements Receiver {
  readonly #settings: ReceiverSettings;
  readonly #intake: Intake;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  #stopped: Promise<void> | undefined;

  /** Options default to port 4317; see {@link ReceiverOptions}. @throws invalid / INVALID_CONFIG */
  constructor(collaborators: ReceiverCollaborators, options: ReceiverOptions = {}) {
    this.#settings = receiverSettings(collaborators, options, DEFAULT_PORT);
    this.#intake = new Intake(this.#settings);
    this.#server = createServer({
      settings: {
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxFrameSize: MAX_FRAME_BYTES,
        maxConcurrentStreams: this.#settings.maxConcurrentRequests,
      },
    });
    this.#server.maxConnections = this.#settings.maxConnections;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('session', (session) => this.#addSession(session));
    this.#server.on('stream', (stream, headers) => {
      // Whatever fails in answering ends that one call, not the process.
      this.#handle(stream, headers).catch(() => stream.destroy());
    });
  }

  start(): Promise<ReceiverAddress> {
    return listen(this.#server, this.#settings);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Closing a session tells the client to go away (GOAWAY), and lets the streams that are open come to their end. */
  async #stop(): Promise<void> {
    const answered = this.#intake.stop();
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#sessions) session.close();
    await answered;
    // A connection goes by itself when its last answer is on the wire, unless its client does not read, or never spoke.
    const patience = this.#settings.clock.schedule(GOODBYE_MS, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    patience.cancel();
  }

  #addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    // A broken connection ends its streams, and each request ends with its stream.
    session.on('error', () => {});
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  }

  async #handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    this.#intake.track(stream);
    stream.on('error', () => {});
    if (headers[':method'] !== 'POST' || !CONTENT_TYPE.test(headers['content-type'] ?? '')) {
      endStream(stream, { ':status': headers[':method'] === 'POST' ? 415 : 405 });
      return;
    }
    const signal = METHODS.get(String(headers[':path']));
    if (signal === undefined) {
      answerError(stream, { httpStatus: 404, grpcStatus: GRPC_STATUS.unimplemented, message: 'unknown method' });
      return;
    }
    const deadline = this.#startDeadline(stream, headers);
    try {
      const result = await this.#intake.run((share) => this.#ingest(stream, headers, signal, share));
      answer(stream, responseMessage(result));
    } catch (error) {
      if (error instanceof ClientGone) return;
      answerError(stream, errorAnswer(error, this.#settings.retryAfterSeconds * 1000));
    } finally {
      deadline?.cancel();
    }
  }

  /** The client does not wait longer than this. What was handed to the sink by then is taken all the same. */
  #startDeadline(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): { cancel(): void } | undefined {
    const timeoutMs = parseGrpcTimeout(String(headers['grpc-timeout']));
    if (timeoutMs === undefined) return undefined;
    return this.#settings.clock.schedule(timeoutMs, () => {
      const message = `deadline exceeded after ${timeoutMs} ms`;
      answerError(stream, { httpStatus: 503, grpcStatus: GRPC_STATUS.deadlineExceeded, message });
    });
  }

  async #ingest(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    signal: Signal,
    share: AdmissionShare,
  ): Promise<IngestResult> {
    const { clock, maxRequestBytes, requestTimeoutMs, tenantHeader } = this.#settings;
    const metadata = headers[tenantHeader];
    // Metadata that comes twice is one text with a comma, and no tenant's name.
    const tenant = metadata === undefined ? DEFAULT_TENANT : checkTenant(String(metadata));
    const announced = contentEncoding(headers['grpc-encoding'] as string | undefined);
    const message = new GrpcMessageBody(this.#intake.buffers, share, maxRequestBytes);
    const body = await readBody(stream, message, clock, requestTimeoutMs);
    if (message.isCompressed && announced === 'identity') throw malformedBody('message is compressed with no encoding');
    const encoding = message.isCompressed ? announced : 'identity';
    return this.#intake.ingest({ tenant, signal, encoding, isJson: false, body }, share);
  }
}

function answer(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': GRPC_STATUS.ok }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end(grpcFrame(message));
}

/** Trailers-Only: the status stands in the headers, and there is no message. */
function answerError(stream: ServerHttp2Stream, error: ErrorAnswer): void {
  const answer: ErrorAnswer = { ...error, message: shortMessage(error.message) };
  endStream(stream, {
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': answer.grpcStatus,
    'grpc-message': encodeGrpcMessage(answer.message),
    'grpc-status-details-bin': Buffer.from(statusMessage(answer)).toString('base64').replace(/=+$/, ''),
    'grpc-accept-encoding': CONTENT_ENCODINGS.join(','),
  });
}

function endStream(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(headers, { endStream: true });
  // The client need not send the rest of a request that has its answer.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}
