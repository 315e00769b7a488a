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
      host: { type: 'string', default: '127.0.0.1' },
      grpc: { type: 'string', default: '4317' },
      http: { type: 'string', default: '4318' },
      api: { type: 'string', default: '8080' },
    },
  });
  const ports = {
    grpc: portOf('grpc', values.grpc),
    http: portOf('http', values.http),
    api: portOf('api', values.api),
  };
  const config = values.config === undefined ? {} : await readConfig(values.config);
  const stopped = stopSignal();
  const wit = await OpenWit.open({ ...config, dataDir: values['data-dir'] });
  try {
    const { grpc, http, api } = await wit.listen({ host: values.host, ...ports });
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
