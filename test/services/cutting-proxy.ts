import { connect, createServer, type Socket } from 'node:net';

/** When the proxy cuts a connection: before the server gets a transaction's COMMIT, or before the client hears of it. */
export type Cut = 'before-commit' | 'after-commit';

/** Stands between a client and a Postgres, and cuts the connection of the next COMMIT when it is asked to. */
export interface CuttingProxy {
  readonly port: number;
  /** Once. */
  cutNext(cut: Cut): void;
  /** How often it did. */
  readonly cuts: number;
  close(): Promise<void>;
}

export async function cuttingProxy(serverPort: number): Promise<CuttingProxy> {
  let next: Cut | undefined;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let isCutting = false;
    const destroy = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', destroy);
      socket.on('close', () => {
        sockets.delete(socket);
        destroy();
      });
    }
    client.on('data', (bytes) => {
      const isCommit = bytes.includes('COMMIT\0');
      if (isCommit && next === 'before-commit') {
        next = undefined;
        cuts++;
        return destroy();
      }
      if (isCommit && next === 'after-commit') {
        next = undefined;
        isCutting = true;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!isCutting) {
        client.write(bytes);
        return;
      }
      // The answer is here: the transaction has taken effect.
      cuts++;
      destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    cutNext: (cut) => {
      next = cut;
    },
    get cuts() {
      return cuts;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
