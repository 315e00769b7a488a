import { goProgram } from './go-program.ts';
import type { Found } from './python-packages.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const MODULE = 'github.com/fsouza/fake-gcs-server';
const VERSION = 'v1.56.1';

/** A fake-gcs-server without buckets, in memory, or why there is none. */
export async function fakeGcs(): Promise<Found<ServerProcess>> {
  const program = await goProgram(MODULE, VERSION);
  if ('missing' in program) return program;
  const found = await startServer({
    program: program.found,
    args: (port) => [
      ...['-backend', 'memory', '-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
      ...['-external-url', `http://127.0.0.1:${port}`, '-log-level', 'error'],
    ],
    readyPath: '/_internal/healthcheck',
  });
  return { found };
}
