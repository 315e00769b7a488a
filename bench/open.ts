import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenWit } from '@openwit/core';
import { median } from './server.ts';

const ROUNDS = 9;

/** Milliseconds of `OpenWit.open` on an empty folder; the first, cold one apart. */
export async function benchOpen(): Promise<{ firstMs: number; medianMs: number }> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const dataDir = await mkdtemp(join(tmpdir(), 'openwit-bench-'));
    const began = performance.now();
    const wit = await OpenWit.open({ dataDir });
    times.push(performance.now() - began);
    await wit.close();
    await rm(dataDir, { recursive: true, force: true });
  }
  return { firstMs: Math.round(times[0]!), medianMs: Math.round(median(times)) };
}
