import { createRequire } from 'node:module';
import { TantivyError } from './tantivy-error.ts';

/** A text column in Arrow's layout: the text of a row is `data` from `offsets[row]` to `offsets[row + 1]`, in UTF-8. */
export interface Utf8Column {
  readonly data: Uint8Array;
  /** One more than rows. */
  readonly offsets: Int32Array;
  /** A bit a row, the lowest first; absent when every row has a value. */
  readonly validity?: Uint8Array;
}

type Columns = readonly (Utf8Column | null)[];

/** What the native side gives; queries and fields are JSON there. */
export interface Addon {
  readonly NativeIndexWriter: new (path: string, fields: string, rows: number, bytes: number) => NativeIndexWriter;
  readonly NativeIndexReader: {
    open(path: string, length?: number, present?: Float64Array): Promise<NativeIndexReader>;
  };
  readonly NativeMatcher: new (query: string, fields: string) => NativeMatcher;
  readonly NativeCancellation: new () => NativeCancellation;
  analyse(analyser: string, text: string): string[];
}

/** An index that was written. */
export interface FinishedIndex {
  /** Of the whole file. */
  readonly bytes: number;
  /** Where what was added lies. */
  readonly addedAt: number;
  /** How many of the last bytes open the index: a search needs them all. */
  readonly endBytes: number;
}

export interface NativeIndexWriter {
  add(rows: number, columns: Columns): Promise<void>;
  finish(added: Uint8Array): Promise<FinishedIndex>;
}

export interface NativeIndexReader {
  readonly rows: number;
  readonly fields: string;
  search(query: string, cancellation?: NativeCancellation): Promise<{ sure: Uint32Array; check: Uint32Array }>;
  count(query: string, cancellation?: NativeCancellation): Promise<number>;
}

export interface NativeMatcher {
  match(rows: number, columns: Columns): Uint8Array;
}

export interface NativeCancellation {
  cancel(): void;
}

let loaded: Addon | undefined;

/** The native side, loaded at first use. @throws `unavailable` when there is none for this machine */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

/** Whether there is a native side for this machine. */
export function isAvailable(): boolean {
  try {
    addon();
    return true;
  } catch {
    return false;
  }
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const prebuilt = `@openwit/tantivy-node-${platformName()}`;
  const reasons: unknown[] = [];
  for (const place of ['../dist/tantivy-node.node', prebuilt]) {
    try {
      return require(place) as Addon;
    } catch (error) {
      reasons.push(error);
    }
  }
  const cause = new AggregateError(reasons, 'no place has it');
  const message = `full-text search needs a native addon: install ${prebuilt}, or cargo and run npx openwit-build-tantivy`;
  throw new TantivyError('unavailable', message, { cause });
}

/** As npm packages of addons are named: `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64-msvc`. */
export function platformName(): string {
  const { platform, arch } = process;
  const base = `${platform}-${arch}`;
  if (platform === 'win32') return `${base}-msvc`;
  if (platform !== 'linux') return base;
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return `${base}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}
