import { type Clock, DEFAULT_TENANT_HEADER, type IngestSink, OpenWitError, systemClock } from '@openwit/ports';

/** What a receiver works with. */
export interface ReceiverCollaborators {
  readonly sink: IngestSink;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

export interface ReceiverOptions {
  /** Address to listen at. Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes a free port; `start()` tells which. */
  readonly port?: number;
  /** The header or metadata key that names the tenant. Default `x-scope-orgid`. */
  readonly tenantHeader?: string;
  /** The largest request, before and after decompression. Default 64 MiB. */
  readonly maxRequestBytes?: number;
  /** Requests under way at the same time; more wait. Default 256. */
  readonly maxConcurrentRequests?: number;
  /** Bytes of requests under way; more wait. At least twice `maxRequestBytes`. Default 256 MiB. */
  readonly maxInFlightBytes?: number;
  /** How long a request waits at either limit before it is answered as overload, milliseconds. Default 1,000. */
  readonly maxWaitMs?: number;
  /** How long a request's headers and body may take to arrive, milliseconds. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** How long a connection of HTTP/1.1 may be idle between two requests, milliseconds. Default 65,000. */
  readonly keepAliveTimeoutMs?: number;
  /** How long requests under way may take to end when the receiver stops, milliseconds. Default 5,000. */
  readonly stopTimeoutMs?: number;
  /** When clients should retry, where the error does not say it itself; 1 to 3 seconds. Default 1. */
  readonly retryAfterSeconds?: number;
  /** Open connections; more are closed at once. Default 1,024. */
  readonly maxConnections?: number;
}

export type ReceiverSettings = Required<ReceiverOptions> & { readonly clock: Clock; readonly sink: IngestSink };

const MIB = 1024 * 1024;

/** The options with their defaults. @throws invalid / INVALID_CONFIG */
export function receiverSettings(
  { sink, clock = systemClock }: ReceiverCollaborators,
  options: ReceiverOptions,
  defaultPort: number,
): ReceiverSettings {
  const maxRequestBytes = integerOption('maxRequestBytes', options.maxRequestBytes ?? 64 * MIB, 1, 1024 * MIB);
  const maxInFlightBytes = options.maxInFlightBytes ?? Math.max(256 * MIB, 2 * maxRequestBytes);
  return {
    sink,
    clock,
    host: options.host ?? '127.0.0.1',
    port: integerOption('port', options.port ?? defaultPort, 0, 65_535),
    tenantHeader: headerName(options.tenantHeader ?? DEFAULT_TENANT_HEADER),
    maxRequestBytes,
    // A compressed request and what it unpacks to are in memory together.
    maxInFlightBytes: integerOption('maxInFlightBytes', maxInFlightBytes, 2 * maxRequestBytes, Number.MAX_SAFE_INTEGER),
    maxConcurrentRequests: integerOption('maxConcurrentRequests', options.maxConcurrentRequests ?? 256, 1, 65_536),
    maxWaitMs: integerOption('maxWaitMs', options.maxWaitMs ?? 1000, 0, 60_000),
    requestTimeoutMs: integerOption('requestTimeoutMs', options.requestTimeoutMs ?? 30_000, 1, 3_600_000),
    // Longer than the 60 seconds after which proxies stop using a connection: not to close it while they send.
    keepAliveTimeoutMs: integerOption('keepAliveTimeoutMs', options.keepAliveTimeoutMs ?? 65_000, 1, 3_600_000),
    stopTimeoutMs: integerOption('stopTimeoutMs', options.stopTimeoutMs ?? 5000, 0, 3_600_000),
    retryAfterSeconds: integerOption('retryAfterSeconds', options.retryAfterSeconds ?? 1, 1, 3),
    maxConnections: integerOption('maxConnections', options.maxConnections ?? 1024, 1, 1_000_000),
  };
}

function integerOption(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new OpenWitError(
    'invalid',
    'INVALID_CONFIG',
    `${name} is not an integer from ${min} to ${max}, value=${value}`,
  );
}

function headerName(name: string): string {
  if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return name.toLowerCase();
  const value = JSON.stringify(name);
  throw new OpenWitError('invalid', 'INVALID_CONFIG', `tenantHeader is not the name of a header, value=${value}`);
}
