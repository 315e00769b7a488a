import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OpenWit } from '@openwit/core';
import { DEFAULT_TENANT, OpenWitError } from '@openwit/ports';
import { oneOf, onePositional, urlOf } from '../arguments.ts';
import { type Answer, askNode } from '../node-client.ts';
import { toCsv, toTable } from '../text-formats.ts';

const FORMATS = { table: toTable, csv: toCsv, json: (answer: Answer) => `${answer.text}\n` };

/** Prints the answer of a running node or of a data folder. */
export async function sql(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      'data-dir': { type: 'string' },
      tenant: { type: 'string', default: DEFAULT_TENANT },
      format: { type: 'string', default: 'table' },
    },
  });
  const statement = onePositional('SQL text', positionals);
  const format = FORMATS[oneOf('format', values.format, Object.keys(FORMATS) as (keyof typeof FORMATS)[])];
  const question = { sql: statement, tenant: values.tenant };
  process.stdout.write(
    format(
      await (values['data-dir'] === undefined
        ? askNode(urlOf(values.url), question)
        : askFolder(values['data-dir'], question)),
    ),
  );
  return 0;
}

/** Opens the folder as a node that listens to nobody but this question. */
async function askFolder(dataDir: string, question: { sql: string; tenant: string }): Promise<Answer> {
  checkDataFolder(dataDir);
  await using wit = await OpenWit.open({ dataDir });
  const { api } = await wit.listen({ api: 0 });
  return await askNode(api!, question);
}

/** A question makes no folder: what a node has opened has a catalog or a log. */
function checkDataFolder(dataDir: string): void {
  if (dataDir === ':memory:' || ['catalog.sqlite', 'wal'].some((name) => existsSync(join(dataDir, name)))) return;
  throw new OpenWitError('invalid', 'INVALID_CONFIG', `no data of a node, option=--data-dir value=${dataDir}`);
}
