import { createServer, type Server } from 'node:http';
import { type Logger, type Meter, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';

interface Instruments {
  readonly tracer: Tracer;
  readonly logger: Logger;
  readonly meter: Meter;
}

/** A small HTTP service that records a span, a log line and two metrics for each request. */
export function createService({ tracer, logger, meter }: Instruments): Server {
  const requests = meter.createCounter('http.server.requests', { unit: '{request}' });
  const duration = meter.createHistogram('http.server.duration', { unit: 'ms' });
  let payments = 0;
  return createServer((request, response) => {
    const began = performance.now();
    const route = new URL(request.url ?? '/', 'http://localhost').pathname;
    const attributes = { 'http.request.method': request.method ?? 'GET', 'http.route': route };
    const span = tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes });
    const status = route === '/pay' && ++payments % 5 === 0 ? 502 : 200;
    span.setAttribute('http.response.status_code', status);
    if (status !== 200) {
      span.addEvent('exception', { 'exception.message': 'the payment provider did not answer' });
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'payment failed' });
    }
    logger.emit({
      severityNumber: status === 200 ? 9 : 17,
      severityText: status === 200 ? 'INFO' : 'ERROR',
      body: status === 200 ? `served ${route}` : 'payment failed: the provider did not answer',
      attributes,
    });
    response.writeHead(status);
    response.end();
    requests.add(1, attributes);
    duration.record(performance.now() - began, attributes);
    span.end();
  });
}
