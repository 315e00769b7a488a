// Imported into a node's process: tells every second how long its main thread was late at most since the time before.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const path = process.env.OPENWIT_LOOP_DELAY;
if (isMainThread && path !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  const timer = setInterval(() => {
    writeFileSync(path, JSON.stringify({ p99Ms: delays.percentile(99) / 1e6, maxMs: delays.max / 1e6 }));
    delays.reset();
  }, 5000);
  timer.unref();
}
