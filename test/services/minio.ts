import { goProgram } from './go-program.ts';
import type { Found } from './python-packages.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const MODULE = 'github.com/minio/minio';
const VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c';

export const MINIO_CREDENTIALS = { accessKeyId: 'openwit-test', secretAccessKey: 'openwit-test-secret' };

/** A real MinIO without buckets, or why there is none. */
export async function minio(): Promise<Found<ServerProcess>> {
  const program = await goProgram(MODULE, VERSION);
  if ('missing' in program) return program;
  const found = await startServer({
    program: program.found,
    args: (port, folder) => ['server', '--quiet', '--address', `127.0.0.1:${port}`, folder],
    env: {
      MINIO_ROOT_USER: MINIO_CREDENTIALS.accessKeyId,
      MINIO_ROOT_PASSWORD: MINIO_CREDENTIALS.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    },
    readyPath: '/minio/health/ready',
  });
  return { found };
}
