import type { TableName } from '@openwit/ports';

export interface RecordEntry {
  readonly id: string;
  readonly tenant: string;
  readonly table: TableName;
  readonly ms: number;
  /** `asked` has no answer yet; `unclear` never gets one. */
  state: 'asked' | 'acknowledged' | 'rejected' | 'unclear';
  /** A deletion or retention may have removed it. */
  mayBeGone: boolean;
  /** It must not be seen any more. */
  isGone: boolean;
  /** It was deleted after it was acknowledged: no byte of it may be anywhere. */
  isErased: boolean;
}

/** Which records a deletion is of. */
export type Covers = (record: Pick<RecordEntry, 'id' | 'tenant' | 'table'>) => boolean;

/** What a read of a table may find. */
export interface Expectation {
  readonly must: ReadonlySet<string>;
  readonly may: ReadonlyMap<string, RecordEntry>;
}

/** How long each table keeps records, in milliseconds; undefined: for good. */
export type RetentionOf = (tenant: string, table: TableName) => number | undefined;

/** A clock is corrected by so much without being doubted. */
const TOLERANCE_MS = 1000;

/** What a node was told and what it answered: the truth that its tables are held against. */
export class Ledger {
  readonly #records = new Map<string, RecordEntry>();
  readonly #deleting = new Set<Covers>();
  #asked = 0;
  #retentionOf: RetentionOf = () => undefined;
  readonly #latestTrusted: () => number;

  /** @param latestTrusted what nobody may think that it is later than */
  constructor(latestTrusted: () => number) {
    this.#latestTrusted = latestTrusted;
  }

  get records(): Iterable<RecordEntry> {
    return this.#records.values();
  }

  ask(tenant: string, table: TableName, ms: number): RecordEntry {
    const id = `r${++this.#asked}.`;
    const mayBeGone = [...this.#deleting].some((covers) => covers({ id, tenant, table }));
    const flags = { mayBeGone, isGone: false, isErased: false };
    const record: RecordEntry = { id, tenant, table, ms, state: 'asked', ...flags };
    this.#records.set(id, record);
    return record;
  }

  answer(records: readonly RecordEntry[], state: 'acknowledged' | 'rejected' | 'unclear'): void {
    for (const record of records) record.state = state;
  }

  /** The process has died: what it did not answer may have been done. */
  processDied(): void {
    for (const record of this.#records.values()) if (record.state === 'asked') record.state = 'unclear';
    this.#deleting.clear();
  }

  /** Policies change; what the old ones allowed to be removed may be gone. */
  setRetention(retentionOf: RetentionOf): void {
    this.#noteExpiry();
    this.#retentionOf = retentionOf;
  }

  /** @returns to be called when the deletion has succeeded */
  deletionBegins(covers: Covers): { readonly succeeded: () => void; readonly ended: () => void } {
    const own = [...this.#records.values()].filter(covers);
    const before = own.filter(({ state }) => state !== 'asked');
    for (const record of own) record.mayBeGone = true;
    this.#deleting.add(covers);
    return {
      succeeded: () => {
        for (const record of before) record.isGone = record.isErased = true;
      },
      ended: () => void this.#deleting.delete(covers),
    };
  }

  /** What a snapshot that is taken now may hold. */
  expect(tenant: string, table: TableName): Expectation {
    this.#noteExpiry();
    const must = new Set<string>();
    const may = new Map<string, RecordEntry>();
    for (const record of this.#records.values()) {
      if (record.tenant !== tenant || record.table !== table || record.isGone) continue;
      if (record.state !== 'acknowledged' && record.state !== 'unclear') continue;
      may.set(record.id, record);
      if (record.state === 'acknowledged' && !record.mayBeGone) must.add(record.id);
    }
    return { must, may };
  }

  /** Holds what was read against what was expected. What was not there stays away. @throws when it differs */
  check(where: string, { must, may }: Expectation, ids: readonly string[]): void {
    const seen = new Set<string>();
    for (const id of ids) {
      if (seen.has(id)) throw new Violation(`${where}: ${id} is there twice`);
      seen.add(id);
      if (!may.has(id)) throw new Violation(`${where}: ${this.#describe(id)} must not be there`);
    }
    for (const id of must) if (!seen.has(id)) throw new Violation(`${where}: ${this.#describe(id)} is lost`);
    for (const [id, record] of may) if (!seen.has(id)) record.isGone = true;
  }

  /** Records that retention must have removed when all has come to rest. */
  expired(wallMs: number): RecordEntry[] {
    const now = Math.min(this.#latestTrusted(), wallMs) - 2 * TOLERANCE_MS;
    return [...this.#records.values()].filter(({ tenant, table, ms }) => {
      const retentionMs = this.#retentionOf(tenant, table);
      return retentionMs !== undefined && ms < now - retentionMs;
    });
  }

  #describe(id: string): string {
    const record = this.#records.get(id);
    if (record === undefined) return `${id}, which nobody wrote,`;
    const { state, tenant, table, isErased } = record;
    return `${id} of ${tenant}/${table} (${state}${isErased ? ', deleted' : ''})`;
  }

  #noteExpiry(): void {
    const now = this.#latestTrusted() + TOLERANCE_MS;
    for (const record of this.#records.values()) {
      const retentionMs = this.#retentionOf(record.tenant, record.table);
      if (retentionMs !== undefined && record.ms < now - retentionMs) record.mayBeGone = true;
    }
  }
}

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
