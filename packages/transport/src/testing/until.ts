import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

/** Resolves once the condition holds. @throws when it does not come to hold */
export async function until(condition: () => boolean): Promise<void> {
  const began = performance.now();
  while (!condition()) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`never came to hold: ${condition}`);
    await delay(2);
  }
}
