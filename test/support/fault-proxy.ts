import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request on its way. */
export type ProxyFault =
  /** It is answered here and never gets to the server. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Nothing is answered, and nothing gets to the server. */
  | { readonly kind: 'stall' }
  /** The connection ends in the middle of the request's content; the server gets nothing. */
  | { readonly kind: 'cutRequest' }
  /** The server does it; the connection ends instead of the answer. */
  | { readonly kind: 'loseAnswer' }
  /** The connection ends in the middle of the answer's content. */
  | { readonly kind: 'cutAnswer' }
  /** A byte in the middle of the content is another. */
  | { readonly kind: 'damageRequest' | 'damageAnswer' };

/** Which requests a fault meets; absent is every one. */
export interface ProxyMatch {
  readonly method?: string;
  readonly url?: RegExp;
  /** Content of at least this many bytes goes up. */
  readonly minBytes?: number;
  /** The first that it meets, counted from 1. Default 1. */
  readonly from?: number;
  /** How many it meets. Default 1. */
  readonly times?: number;
}

/** Stands between a client and a server that speaks HTTP, and spoils what it is told to. */
export class FaultProxy {
  readonly #target: URL;
  readonly #server: Server;
  #rules: { readonly fault: ProxyFault; readonly match: ProxyMatch; seen: number; met: number }[] = [];
  /** Requests that came, whatever became of them. */
  requests = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, answer) => void this.#handle(incoming, answer));
  }

  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Until `clear`; returns how often it struck. */
  set(fault: ProxyFault, match: ProxyMatch = {}): () => number {
    const rule = { fault, match, seen: 0, met: 0 };
    this.#rules.push(rule);
    return () => rule.met;
  }

  clear(): void {
    this.#rules = [];
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.requests++;
    const fault = this.#faultOf(incoming);
    try {
      if (fault?.kind === 'stall') return void incoming.resume();
      if (fault?.kind === 'cutRequest') return void incoming.once('data', () => incoming.destroy());
      const content = await bytesOf(incoming);
      if (fault?.kind === 'answer') {
        answer.writeHead(fault.status, fault.headers).end(incoming.method === 'HEAD' ? '' : (fault.body ?? ''));
        return;
      }
      if (fault?.kind === 'damageRequest') damage(content);
      await this.#forward(incoming, content, answer, fault);
    } catch {
      answer.destroy(); // one of the two has gone
    }
  }

  async #forward(
    { method, url, headers }: IncomingMessage,
    content: Buffer,
    answer: ServerResponse,
    fault: ProxyFault | undefined,
  ): Promise<void> {
    const { hostname, port } = this.#target;
    // The host stays the one that the client signed.
    const { expect: _expect, ...kept } = headers;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { hostname, port, path: url, headers: kept, ...(method && { method }) };
      request(options, resolve).once('error', reject).end(content);
    });
    const body = await bytesOf(response);
    if (fault?.kind === 'loseAnswer') return void answer.destroy();
    if (fault?.kind === 'damageAnswer') damage(body);
    answer.writeHead(response.statusCode ?? 500, response.headers);
    if (fault?.kind !== 'cutAnswer') return void answer.end(body);
    answer.write(body.subarray(0, body.length >> 1), () => answer.destroy());
  }

  #faultOf({ method, url = '', headers }: IncomingMessage): ProxyFault | undefined {
    for (const rule of this.#rules) {
      const { match } = rule;
      if (match.method !== undefined && match.method !== method) continue;
      if (match.url !== undefined && !match.url.test(url)) continue;
      if (Number(headers['content-length'] ?? 0) < (match.minBytes ?? 0)) continue;
      if (++rule.seen < (match.from ?? 1) || rule.met >= (match.times ?? 1)) continue;
      rule.met++;
      return rule.fault;
    }
    return undefined;
  }
}

function damage(content: Buffer): void {
  if (content.length > 0) content[content.length >> 1]! ^= 1;
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece);
  return Buffer.concat(pieces);
}
