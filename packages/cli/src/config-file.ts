import { readFile } from 'node:fs/promises';
import type { ListenOptions, OpenWitOptions } from '@openwit/core';
import { OpenWitError } from '@openwit/ports';

/** The options of a node by section; what is inside them is checked where it is used. */
export interface Config {
  readonly node: Pick<OpenWitOptions, 'ingest' | 'wal' | 'storage' | 'tiers' | 'indexing' | 'tenants' | 'query'>;
  readonly listen: ListenOptions;
}

const SECTIONS = ['ingest', 'wal', 'storage', 'tiers', 'indexing', 'tenants', 'query', 'listen'];

/** @throws invalid / INVALID_CONFIG */
export async function readConfig(path: string): Promise<Config> {
  const sections = await parse(path);
  const unknown = Object.keys(sections).find((section) => !SECTIONS.includes(section));
  if (unknown !== undefined) {
    throw new OpenWitError('invalid', 'INVALID_CONFIG', `unknown section, file=${path} section=${unknown}`);
  }
  const { listen = {}, ...node } = sections as Config['node'] & { listen?: ListenOptions };
  return { node, listen };
}

async function parse(path: string): Promise<object> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as object;
  } catch (cause) {
    const { message } = cause as Error;
    throw new OpenWitError('invalid', 'INVALID_CONFIG', `unreadable config, file=${path} reason=${message}`, { cause });
  }
}
