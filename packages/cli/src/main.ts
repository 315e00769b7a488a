#!/usr/bin/env node
import { isOpenWitError } from '@openwit/ports';
import { helpOf } from './help.ts';

const COMMANDS = {
  serve: async () => (await import('./commands/serve.ts')).serve,
  sql: async () => (await import('./commands/sql.ts')).sql,
  ingest: async () => (await import('./commands/ingest.ts')).ingest,
};

/** A command takes its own arguments and returns the exit code. */
export type Command = (args: readonly string[]) => Promise<number>;

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    return help(args.find((arg) => !arg.startsWith('-')));
  }
  if (!isCommand(name)) return noSuchCommand(name);
  if (args.includes('--help') || args.includes('-h')) {
    return help(name);
  }
  const command: Command = await COMMANDS[name]();
  return command(args);
}

function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name);
}

function help(name: string | undefined): number {
  if (name !== undefined && !isCommand(name)) return noSuchCommand(name);
  process.stdout.write(helpOf(name));
  return 0;
}

function noSuchCommand(name: string): number {
  process.stderr.write(`openwit: no such command, command=${name}\n\n${helpOf(undefined)}`);
  return 2;
}

/** Wrong arguments exit with 2, anything else that fails with 1; the message is one line. */
function report(error: unknown): number {
  const wrongArguments = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  const code = isOpenWitError(error) ? ` (${error.code})` : '';
  process.stderr.write(`openwit: ${error instanceof Error ? error.message : String(error)}${code}\n`);
  return wrongArguments || (isOpenWitError(error) && error.code === 'INVALID_CONFIG') ? 2 : 1;
}

/** A reader that has seen enough, like `head`, is no failure; a full disk is. */
function outputFailed(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : report(error));
}

process.stdout.on('error', outputFailed);
// Nobody is left to be told.
process.stderr.on('error', () => {});
process.exitCode = await main(process.argv.slice(2)).catch(report);
