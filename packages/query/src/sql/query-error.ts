import { type ErrorCode, OpenWitError } from '@openwit/ports';

/** Characters of user text in an error message. */
const QUOTED_LIMIT = 200;

export interface QueryErrorOptions {
  readonly cause?: unknown;
  /** Offset into the user's SQL, in UTF-16 units as JavaScript counts. */
  readonly position?: number | undefined;
}

export function queryError(code: ErrorCode, message: string, options: QueryErrorOptions = {}): OpenWitError {
  return new OpenWitError('invalid', code, message, {
    ...(options.cause === undefined ? {} : { cause: options.cause }),
    ...(options.position === undefined ? {} : { details: { position: options.position } }),
  });
}

/** A name from the user's SQL as an error message shows it. */
export function quoted(name: string): string {
  return `\`${name.length > QUOTED_LIMIT ? `${name.slice(0, QUOTED_LIMIT)}…` : name}\``;
}

/** DuckDB counts positions in UTF-8 bytes. */
export function positionOfByte(sql: string, byteOffset: number | undefined): number | undefined {
  if (byteOffset === undefined) return undefined;
  const bytes = Buffer.from(sql);
  return byteOffset > bytes.length ? undefined : bytes.subarray(0, byteOffset).toString().length;
}
