import { readFile } from 'node:fs/promises';
import type { OpenWitOptions } from '@openwit/core';
import { OpenWitError } from '@openwit/ports';

const SECTIONS = ['ingest', 'wal', 'storage', 'query'];

/** A JSON file with sections of {@link OpenWitOptions}. @throws invalid / INVALID_CONFIG */
export async function readConfig(path: string): Promise<Omit<OpenWitOptions, 'dataDir'>> {
  const config = await parse(path);
  const unknown = Object.keys(config).find((section) => !SECTIONS.includes(section));
  if (unknown === undefined) return config;
  throw new OpenWitError('invalid', 'INVALID_CONFIG', `unknown section, file=${path} section=${unknown}`);
}

async function parse(path: string): Promise<object> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as object;
  } catch (cause) {
    const { message } = cause as Error;
    throw new OpenWitError('invalid', 'INVALID_CONFIG', `unreadable config, file=${path} reason=${message}`, { cause });
  }
}
