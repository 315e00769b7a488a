import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { OpenWitError, type ReceiverAddress } from '@openwit/ports';

/** Resolves when the server takes connections. @throws invalid / INVALID_CONFIG when it cannot have the port */
export function listen(server: Server, { host, port }: ReceiverAddress): Promise<ReceiverAddress> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error) => {
      reject(new OpenWitError('invalid', 'INVALID_CONFIG', `cannot listen, address=${host}:${port}`, { cause }));
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
