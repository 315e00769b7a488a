const MIB = 1024 * 1024;

/**
 * How the C library of Linux keeps memory that was given back. By itself it keeps up to 64 MiB of each thread's, and puts buffers
 * of up to 32 MiB there: with the threads of a node, hundreds of MiB that nothing uses (mallopt(3); docs/decisions/0019).
 */
const SETTINGS = {
  MALLOC_ARENA_MAX: '8',
  MALLOC_MMAP_THRESHOLD_: String(4 * MIB),
  MALLOC_TRIM_THRESHOLD_: String(8 * MIB),
};

/**
 * Starts this program anew, in the same process, with these settings: they count from the first allocation on. Does nothing where
 * one of them is set, and under a parent that talks to its child, which would lose the connection.
 */
export function tameMalloc(): void {
  const { platform, env, execPath, execArgv, argv, connected } = process;
  if (platform !== 'linux' || connected || Object.keys(SETTINGS).some((name) => name in env)) return;
  process.execve!(execPath, [execPath, ...execArgv, ...argv.slice(1)], { ...env, ...SETTINGS });
}
