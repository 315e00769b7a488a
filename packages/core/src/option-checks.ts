import { OpenWitError } from '@openwit/ports';
import type { OpenWitOptions } from './open-wit-options.ts';
import { TIER_TYPES, type TierOption } from './tier-stores.ts';

type Sections = Pick<OpenWitOptions, 'ingest' | 'wal' | 'storage' | 'tiers' | 'indexing' | 'tenants' | 'query'>;

/** What a value must be, or undefined when it is that. */
type Check = (value: unknown) => string | undefined;

/** What is checked as a whole. */
type Value = number | string | boolean | readonly unknown[] | TierOption;

/** One check for every option: an option without one does not compile. */
type Checks<T> = {
  readonly [K in keyof T]-?: NonNullable<T[K]> extends Value ? Check : Checks<NonNullable<T[K]>>;
};

const integer: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) > 0 ? undefined : 'a positive integer';
const atLeastTwo: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) > 1 ? undefined : 'an integer from 2 on';
const share: Check = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'a number from 0 to 1';
const oneOf =
  (...choices: string[]): Check =>
  (value) =>
    choices.includes(value as string) ? undefined : `one of ${choices.join(', ')}`;

const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text');
/** What else a store needs it says itself, when it is first used. */
const tier: Check = (value) => {
  const { type, put } = Object(value) as { type?: string; put?: unknown };
  const isKnown = typeof put === 'function' || TIER_TYPES.some((known) => known === type);
  return isKnown ? undefined : `a store, or an object with a type of ${TIER_TYPES.join(', ')}`;
};
/** Of one of a list of rules. */
type PartChecks = Readonly<Record<string, Check>>;

const RULE_CHECKS: PartChecks = {
  tenant: text,
  table: oneOf('traces', 'logs', 'metrics'),
  hotBytes: integer,
  coldAfterMs: integer,
  archiveAfterMs: integer,
  retentionMs: integer,
};

const texts: Check = (value) =>
  Array.isArray(value) && value.every((entry) => text(entry) === undefined) ? undefined : 'a list of columns';
const analysed: Check = (value) => {
  const isColumn = (entry: unknown) => {
    const { column, analyser } = Object(entry) as { column?: unknown; analyser?: unknown };
    return text(entry) === undefined || (text(column) === undefined && analyserName(analyser) === undefined);
  };
  return Array.isArray(value) && value.every(isColumn)
    ? undefined
    : 'a list of columns, each perhaps with its analyser';
};
const analyserName = oneOf('log', 'cjk', 'raw');

const INDEXING_CHECKS: PartChecks = {
  tenant: text,
  table: oneOf('traces', 'logs', 'metrics'),
  text: analysed,
  values: texts,
};

const LIMIT_CHECKS: PartChecks = {
  tenant: text,
  maxBytesPerSecond: integer,
  burstBytes: integer,
  maxStoredBytes: integer,
  maxAttributeColumns: integer,
};

function listOf(parts: PartChecks): Check {
  const isRule = (rule: unknown) =>
    typeof rule === 'object' &&
    rule !== null &&
    Object.entries(rule).every(
      ([name, part]) => part === undefined || (name in parts && parts[name]!(part) === undefined),
    );
  return (value) =>
    Array.isArray(value) && value.every(isRule) ? undefined : `a list of objects with ${Object.keys(parts).join(', ')}`;
}

const CHECKS: Checks<Sections> = {
  ingest: {
    threads: integer,
    batch: { maxRows: integer, maxBytes: integer, maxAgeMs: integer },
    limits: {
      maxMemoryBytes: integer,
      maxRequestRecords: integer,
      maxDecodedBytes: integer,
      maxTenants: integer,
      maxWaitMs: integer,
      maxRecoveryWaitMs: integer,
    },
  },
  wal: { segmentBytes: integer, maxBytes: integer },
  storage: {
    compression: oneOf('lz4', 'zstd', 'none'),
    attributeColumns: { minShare: share, maxPerTable: integer },
    compaction: {
      minFiles: atLeastTwo,
      maxFiles: atLeastTwo,
      smallBytes: integer,
      stableBytes: integer,
      maxJobBytes: integer,
      maxJobFiles: atLeastTwo,
      quietMs: integer,
      memoryLimitBytes: integer,
    },
    snapshotRetentionMs: integer,
    bucketSweep: { everyMs: integer, minAgeMs: integer },
  },
  tiers: {
    cold: tier,
    archive: tier,
    archiveClass: text,
    policies: listOf(RULE_CHECKS),
    hotBytes: integer,
    cache: { maxBytes: integer, maxConcurrentRequests: integer, restoreArchived: flag, restoreDays: integer },
    clockConfirmMs: integer,
  },
  indexing: { enabled: flag, rules: listOf(INDEXING_CHECKS), delayMs: integer },
  tenants: { limits: listOf(LIMIT_CHECKS) },
  query: {
    threads: integer,
    memoryLimitBytes: integer,
    timeoutMs: integer,
    maxRows: integer,
    maxResultBytes: integer,
    maxConcurrentQueries: integer,
    maxWaitingQueries: integer,
    maxTempBytes: integer,
    maxSqlBytes: integer,
  },
};

/**
 * Every option exists and has a value that it can have. Options come from files too, where no compiler saw them.
 * @throws invalid / INVALID_CONFIG with `details.option`
 */
export function checkOptions({ ingest, wal, storage, tiers, indexing, tenants, query, dataDir }: OpenWitOptions): void {
  if (typeof dataDir !== 'string' || dataDir === '') throw invalid('must be a path', 'dataDir', dataDir);
  checkSection('', { ingest, wal, storage, tiers, indexing, tenants, query }, CHECKS);
}

function checkSection(path: string, section: object, checks: object): void {
  for (const [name, value] of Object.entries(section)) {
    if (value === undefined) continue;
    const option = `${path}${name}`;
    const check = (checks as Record<string, Check | object>)[name];
    if (check === undefined) throw invalid('no such option', option, value);
    if (typeof check !== 'function') {
      if (typeof value !== 'object' || value === null) throw invalid('must be an object', option, value);
      checkSection(`${option}.`, value, check);
      continue;
    }
    const wanted = (check as Check)(value);
    if (wanted !== undefined) throw invalid(`must be ${wanted}`, option, value);
  }
}

function invalid(problem: string, option: string, value: unknown): OpenWitError {
  const message = `${problem}, option=${option} value=${JSON.stringify(value)}`;
  return new OpenWitError('invalid', 'INVALID_CONFIG', message, { details: { option } });
}
