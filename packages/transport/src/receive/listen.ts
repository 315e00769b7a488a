import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { OpenWitError, type ReceiverAddress } from '@openwit/ports';

/** An address that cannot be had; anything else, such as too many open files, passes. */
const WRONG_ADDRESS = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']);
const RETRY_AFTER_MS = 1000;

/**
 * Resolves when the server takes connections.
 * @throws invalid / INVALID_CONFIG when it cannot have the address; overloaded / OVERLOADED when the machine has no more
 * sockets
 */
export function listen(server: Server, { host, port }: ReceiverAddress): Promise<ReceiverAddress> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => {
      const message = `cannot listen, address=${host}:${port}`;
      if (WRONG_ADDRESS.has(cause.code ?? '')) {
        reject(new OpenWitError('invalid', 'INVALID_CONFIG', message, { cause }));
      } else {
        reject(new OpenWitError('overloaded', 'OVERLOADED', message, { cause, retryAfterMs: RETRY_AFTER_MS }));
      }
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      const address = server.address() as AddressInfo;
      resolve({ host: address.address, port: address.port });
    });
  });
}

/** Takes no new connection, waits until `answered`, and closes what is left: idle, or without a whole request. */
export async function stopListening(server: HttpServer, answered: Promise<void>): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  await answered;
  server.closeAllConnections();
  await closed;
}
