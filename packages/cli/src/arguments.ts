import { OpenWitError, SIGNALS, type Signal } from '@openwit/ports';

export function portOf(option: string, value: string | number): number {
  const port = Number(value);
  if (String(value).trim() !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw invalid(`must be a port from 0 to 65535, option=--${option} value=${value}`);
}

/** The URL of a node. */
export function urlOf(value: string): string {
  if (/^https?:$/.test(URL.parse(value)?.protocol ?? '')) return value;
  throw invalid(`must be an http or https URL, option=--url value=${value}`);
}

export function signalOf(value: string): Signal {
  if ((SIGNALS as readonly string[]).includes(value)) return value as Signal;
  throw invalid(`must be one of ${SIGNALS.join(', ')}, option=--signal value=${value}`);
}

export function oneOf<T extends string>(option: string, value: string, choices: readonly T[]): T {
  if ((choices as readonly string[]).includes(value)) return value as T;
  throw invalid(`must be one of ${choices.join(', ')}, option=--${option} value=${value}`);
}

export function onePositional(what: string, positionals: readonly string[]): string {
  if (positionals.length === 1) return positionals[0]!;
  throw invalid(`expected exactly one argument, the ${what}, got=${positionals.length}`);
}

function invalid(message: string): OpenWitError {
  return new OpenWitError('invalid', 'INVALID_CONFIG', message);
}
