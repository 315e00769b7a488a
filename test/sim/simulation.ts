import { policyOf } from '../../packages/storage/src/tiers/table-policy.ts';
import { ingest, Sources } from './actors/ingester.ts';
import { operate } from './actors/operator.ts';
import { query } from './actors/querier.ts';
import { checkErased, checkExpired, checkFiles, checkRest, checkSources, checkTables, isBusy } from './invariants.ts';
import type { Node } from './node.ts';
import { drawSettings, type RunSettings } from './run-settings.ts';
import type { Life } from './scheduler.ts';
import { Trace } from './trace.ts';
import { type Mutation, World } from './world.ts';

export interface RunOptions {
  readonly mutation?: Mutation;
  readonly print?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  /** Of the whole trace. */
  readonly digest: string;
  readonly failure: unknown;
  /** The last events, when it failed. */
  readonly tail: readonly string[];
}

/** Before the last. */
const LIVES = 3;
const SHORTEST_LIFE = 80;
const LONGEST_LIFE = 1100;
/** What has not ended by then hangs. */
const MOST_STEPS = 30_000;
const MINUTE_MS = 60_000;

/** One run: several lives of a node, each ended by the operator, a kill or a power cut, and then rest. */
export async function runSeed(seed: number, { mutation = {}, print }: RunOptions = {}): Promise<RunResult> {
  const trace = new Trace(print);
  const world = await World.make(seed, trace, mutation);
  let failure: unknown;
  try {
    await new Run(world).all();
  } catch (error) {
    failure = error;
    trace.add(`failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  await world.database.close();
  return {
    seed,
    events: trace.lines,
    digest: trace.digest(),
    failure,
    tail: failure === undefined ? [] : trace.tail(),
  };
}

class Run {
  readonly #world: World;
  readonly #sources = new Sources();
  #settings: RunSettings;

  constructor(world: World) {
    this.#world = world;
    this.#settings = drawSettings(world.random);
  }

  async all(): Promise<void> {
    const { random } = this.#world;
    for (let i = 0; i < LIVES; i++) {
      if (i > 0 && random.below(2) === 0) this.#settings = drawSettings(random, this.#settings);
      await this.#live();
    }
    await this.#last();
  }

  async #live(): Promise<void> {
    const world = this.#world;
    const { random } = world;
    const life = world.newLife();
    const node = await this.#start(life);
    if (node !== undefined) {
      this.#act(life, node);
      await this.#liveOn();
    }
    const end = random.below(4);
    if (end === 0 && node !== undefined)
      await this.#within(
        'close',
        node.close().catch(() => {}),
      );
    await this.#die(life, end === 1);
  }

  /** Trouble comes in company: some lives end soon after something went wrong. */
  async #liveOn(): Promise<void> {
    const { random, scheduler, hostility } = this.#world;
    let left = SHORTEST_LIFE + random.below(LONGEST_LIFE - SHORTEST_LIFE);
    for (let strokes = hostility.strokes; left > 0; left--) {
      await scheduler.step();
      if (hostility.strokes > strokes && random.below(6) === 0) left = Math.min(left, random.below(12));
      strokes = hostility.strokes;
    }
  }

  #act(life: Life, node: Node): void {
    const world = this.#world;
    const actors = [
      ingest(world, life, node, this.#sources),
      ingest(world, life, node, this.#sources),
      ingest(world, life, node, this.#sources, 'kafka/spans/0'),
      query(world, life, node),
      query(world, life, node),
      operate(world, life, node),
    ];
    for (const actor of actors) actor.catch((error: unknown) => world.scheduler.fail(error));
  }

  /** @returns undefined when the process could not start, or was killed before it had */
  async #start(life: Life): Promise<Node | undefined> {
    const world = this.#world;
    const { random, hostility, ledger } = world;
    const { policies } = this.#settings;
    ledger.setRetention((tenant, table) => policyOf(policies, tenant, table).retentionMs);
    world.scheduler.trace.add(`life ${life.number} starts with ${JSON.stringify(this.#settings)}`);
    world.clock.processStarts();
    const starting = world.open(life, this.#settings, () => checkFiles(world));
    const limit = !hostility.isKind && random.below(5) === 0 ? random.below(200) : MOST_STEPS;
    try {
      const node = await this.#within('start', starting, limit);
      if (node === undefined) return undefined;
      await checkSources(world, this.#sources);
      await checkTables(world, node);
      await checkErased(world);
      return node;
    } catch (error) {
      if (hostility.isKind || (error as Error).name === 'Violation') throw error;
      world.scheduler.trace.add(`did not start: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #die(life: Life, isPowerCut: boolean): Promise<void> {
    const { scheduler, disk, ledger, random, buckets } = this.#world;
    scheduler.die(life);
    if (isPowerCut) {
      scheduler.trace.add('the power is cut');
      disk.powerCut(random);
    } else disk.kill();
    disk.capacityBytes = Infinity;
    for (const bucket of buckets) bucket.isAway = false;
    ledger.processDied();
    await checkErased(this.#world);
    // What the database was doing for the dead process has come to its end.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The last process sees the end of all trouble, or is started after it. */
  async #last(): Promise<void> {
    const world = this.#world;
    const { random, hostility, clock, disk, buckets } = world;
    let life = world.newLife();
    let node = random.below(2) === 0 ? await this.#start(life) : undefined;
    if (node !== undefined) {
      this.#act(life, node);
      await this.#liveOn();
    }
    hostility.end();
    world.isResting = true;
    disk.capacityBytes = Infinity;
    for (const bucket of buckets) bucket.isAway = false;
    clock.setOffset(Math.max(0, clock.offsetMs));
    const isFresh = node === undefined;
    if (node === undefined) {
      await this.#die(life, false);
      life = world.newLife();
      node = (await this.#start(life))!;
    }
    await this.#rest(life, node, isFresh);
  }

  /** Until nothing is left to do. */
  async #rest(life: Life, node: Node, isFresh: boolean): Promise<void> {
    const world = this.#world;
    const { scheduler, random, buckets } = world;
    await this.#within('flush', node.flush());
    // Longer than any attempt is put off, and than the clock is doubted. The network is the last to come to rest.
    for (let i = 0; i < 15; i++) {
      random.pick(buckets).repeatPut();
      await scheduler.passQuietly(MINUTE_MS);
    }
    await this.#within('compact', node.store.compact());
    await this.#within('roll', node.wal.roll());
    for (let i = 0; i < 15; i++) await scheduler.passQuietly(6 * MINUTE_MS);
    // What the network brought late is old by now.
    for (const bucket of buckets) bucket.lateKeys.clear();
    // What grew too old a moment ago is on its way.
    for (let i = 0; i < 10 && (await isBusy(world)); i++) await scheduler.passQuietly(10_000);
    await checkTables(world, node);
    await checkFiles(world);
    await checkErased(world);
    await checkRest(world, node, { settings: this.#settings, isFresh });
    await checkExpired(world);
    await this.#within('close', node.close());
    scheduler.die(life);
  }

  /** Steps until it settles. @returns undefined when it has not by then, which is a failure unless fewer steps were wanted */
  async #within<T>(what: string, promise: Promise<T>, limit: number = MOST_STEPS): Promise<T | undefined> {
    const { scheduler } = this.#world;
    let settled = false;
    const done = (): void => void (settled = true);
    promise.then(done, done);
    for (let i = 0; i < limit; i++) {
      await scheduler.step();
      if (settled) return promise;
    }
    if (limit === MOST_STEPS) throw new Error(`hangs: ${what}`);
    return undefined;
  }
}
