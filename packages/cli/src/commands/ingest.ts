import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { OpenWit } from '@openwit/core';
import { checkTenant, DEFAULT_TENANT, OpenWitError } from '@openwit/ports';
import { onePositional, signalOf, urlOf } from '../arguments.ts';
import { sendOtlp } from '../node-client.ts';
import { requestsOf } from '../otlp-file.ts';

/** Sends a file's requests, one after the other: each is on disk before the next. */
export async function ingest(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:4318' },
      'data-dir': { type: 'string' },
      tenant: { type: 'string', default: DEFAULT_TENANT },
      signal: { type: 'string' },
    },
  });
  const path = onePositional('file', positionals);
  const url = urlOf(values.url);
  const tenant = checkTenant(values.tenant);
  const signal = values.signal === undefined ? undefined : signalOf(values.signal);
  const requests = requestsOf(await read(path), signal);
  const sendAll = async (to: string) => {
    for (const request of requests) await sendOtlp(to, { ...request, tenant });
  };
  if (values['data-dir'] === undefined) {
    await sendAll(url);
  } else {
    await using wit = await OpenWit.open({ dataDir: values['data-dir'] });
    const { http } = await wit.listen({ http: 0 });
    await sendAll(http!);
  }
  process.stdout.write(`${requests.length} requests taken\n`);
  return 0;
}

async function read(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw new OpenWitError('invalid', 'INVALID_CONFIG', `unreadable, file=${path} reason=${message}`, { cause });
  }
}
