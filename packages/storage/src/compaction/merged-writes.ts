import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { unfinishedName } from '../file-paths.ts';
import type { MergeOutput } from './merge-request.ts';

/** Runs `make` with the output open at its unfinished name. */
export async function writeMerged<T>(
  { path }: MergeOutput,
  make: (write: (bytes: Uint8Array) => void) => T | Promise<T>,
): Promise<T> {
  const unfinished = unfinishedName(path);
  mkdirSync(dirname(unfinished), { recursive: true });
  const file = openSync(unfinished, 'w');
  try {
    return await make((bytes) => writeAll(file, bytes));
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
