import { parseArgs } from 'node:util';
import { OpenWit } from '@openwit/core';
import { portOf } from '../arguments.ts';
import { readConfig } from '../config-file.ts';
import { tameMalloc } from '../malloc.ts';

/** A terminal and a parent process may both deliver one signal: what comes so soon after the first is the same. */
const SAME_SIGNAL_MS = 1000;

/** Runs a node until SIGTERM or SIGINT. */
export async function serve(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'data-dir': { type: 'string', default: './data' },
      config: { type: 'string' },
      host: { type: 'string' },
      grpc: { type: 'string' },
      http: { type: 'string' },
      api: { type: 'string' },
    },
  });
  tameMalloc();
  const config = values.config === undefined ? { node: {}, listen: {} } : await readConfig(values.config);
  const listen = {
    ...config.listen,
    ...(values.host !== undefined && { host: values.host }),
    grpc: portOf('grpc', values.grpc ?? config.listen.grpc ?? 4317),
    http: portOf('http', values.http ?? config.listen.http ?? 4318),
    api: portOf('api', values.api ?? config.listen.api ?? 8080),
  };
  const signals = new StopSignals();
  const wit = await OpenWit.open({ ...config.node, dataDir: values['data-dir'] });
  signals.opened();
  try {
    const { grpc, http, api } = await wit.listen(listen);
    process.stdout.write(`openwit ready grpc=${grpc} http=${http} api=${api}\n`);
    await signals.first;
  } finally {
    await wit.close();
  }
  return 0;
}

/**
 * The first signal after the node has opened asks it to end. Earlier there is nothing to flush, and later somebody waits
 * in vain: such a signal ends the process at once, which loses nothing that was acknowledged.
 */
class StopSignals {
  readonly first: Promise<void>;
  readonly #resolve: () => void;
  #isOpen = false;
  #firstAt: number | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    this.#resolve = resolve;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#take());
  }

  opened(): void {
    this.#isOpen = true;
  }

  #take(): void {
    const now = performance.now();
    this.#firstAt ??= now;
    if (!this.#isOpen || now - this.#firstAt > SAME_SIGNAL_MS) process.exit(1);
    this.#resolve();
  }
}
