/**
 * What went wrong: `invalid` the query or what else was passed; `limit` it asks for more than is allowed; `damaged` the index is, or is of
 * an unknown version; `missing` bytes of the file are not here (see {@link MissingRanges}); `io` the disk; `cancelled`; `unavailable`
 * there is no native addon; `internal` a mistake of this package.
 */
export type TantivyErrorCode =
  | 'invalid'
  | 'limit'
  | 'damaged'
  | 'missing'
  | 'io'
  | 'cancelled'
  | 'unavailable'
  | 'internal';

export class TantivyError extends Error {
  readonly code: TantivyErrorCode;
  /** For `missing`: what must be there, start and end, in bytes. */
  readonly ranges: readonly ByteRange[];

  constructor(code: TantivyErrorCode, message: string, options: ErrorOptions & { ranges?: readonly ByteRange[] } = {}) {
    super(message, options);
    this.name = 'TantivyError';
    this.code = code;
    this.ranges = options.ranges ?? [];
  }
}

/** The end is not in it. */
export type ByteRange = readonly [start: number, end: number];

/** Runs a call of the native side, whose errors say what they are at their beginning: `invalid: …`. */
export async function native<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw typed(error);
  }
}

export function nativeSync<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw typed(error);
  }
}

const WRITTEN = /^(invalid|limit|damaged|missing|io|cancelled|internal): ([\s\S]*)$/;

function typed(error: unknown): unknown {
  if (error instanceof TantivyError || !(error instanceof Error)) return error;
  const [, code, message] = WRITTEN.exec(error.message) ?? [];
  // What napi itself refuses is a wrong argument.
  if (code === undefined) return new TantivyError('invalid', error.message, { cause: error });
  if (code !== 'missing') return new TantivyError(code as TantivyErrorCode, message!, { cause: error });
  const ranges = JSON.parse(message!) as ByteRange[];
  return new TantivyError('missing', 'bytes of the index are not here', { ranges });
}
