import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 120_000;

/** Waits until something holds. @throws an error that says `otherwise` when it never does */
export async function until(holds: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(otherwise);
    await delay(100);
  }
}
