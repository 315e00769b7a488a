import { parseArgs } from 'node:util';
import { OpenWit } from '@openwit/core';
import { portOf } from '../arguments.ts';
import { readConfig } from '../config-file.ts';

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
  const config = values.config === undefined ? { node: {}, listen: {} } : await readConfig(values.config);
  const listen = {
    ...config.listen,
    ...(values.host !== undefined && { host: values.host }),
    grpc: portOf('grpc', values.grpc ?? config.listen.grpc ?? 4317),
    http: portOf('http', values.http ?? config.listen.http ?? 4318),
    api: portOf('api', values.api ?? config.listen.api ?? 8080),
  };
  const stopped = stopSignal();
  const wit = await OpenWit.open({ ...config.node, dataDir: values['data-dir'] });
  try {
    const { grpc, http, api } = await wit.listen(listen);
    process.stdout.write(`openwit ready grpc=${grpc} http=${http} api=${api}\n`);
    await stopped;
  } finally {
    await wit.close();
  }
  return 0;
}

/** A terminal and a parent process may both deliver the signal: the second one changes nothing. */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, resolve);
  return promise;
}
