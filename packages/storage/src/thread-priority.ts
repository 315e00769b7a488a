import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

/** A third of what another thread gets when both want a core: at the lowest a busy machine would never merge. */
const POLITENESS = 5;

/**
 * Lets all other threads of the process go before this one, where the system knows priorities of threads: on Linux a
 * thread has an id like a process.
 */
export function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), POLITENESS);
  } catch {
    // Without it the work is the same, only less polite: in some sandboxes there is no /proc.
  }
}
