import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * Lets all other threads of the process go before this one, where the system knows priorities of threads: on Linux a
 * thread has an id like a process.
 */
export function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_LOW);
  } catch {
    // Without it the work is the same, only less polite: in some sandboxes there is no /proc.
  }
}
