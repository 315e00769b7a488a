import { isOpenWitError } from '@openwit/ports';
import { checkErased } from '../invariants.ts';
import type { Covers } from '../ledger.ts';
import { Node } from '../node.ts';
import { SIGNALS, TENANTS } from '../run-settings.ts';
import type { Life } from '../scheduler.ts';
import type { World } from '../world.ts';

const MINUTE_MS = 60_000;
const LONGEST_PAUSE_MS = 12_000;
const LONGEST_TROUBLE_MS = 40_000;

/** Deletes tenants and records, merges, flushes; in a hostile run also takes buckets away, fills the disk and sets the clock. */
export async function operate(world: World, life: Life, node: Node): Promise<void> {
  const { scheduler, random, hostility } = world;
  for (;;) {
    await scheduler.sleep(life, random.below(LONGEST_PAUSE_MS), 'operator');
    if (world.isResting) return;
    const actions = hostility.isKind ? KIND : ALL;
    const [name, act] = random.pick(actions);
    scheduler.trace.add(`operator: ${name}`);
    try {
      await act(world, node, life);
    } catch (error) {
      if (!Node.isRefusal(error)) scheduler.fail(error);
    }
  }
}

type Action = readonly [name: string, act: (world: World, node: Node, life: Life) => Promise<void>];

const KIND: readonly Action[] = [
  ['compacts', (_, node) => node.store.compact()],
  ['flushes', (_, node) => node.flush()],
  ['deletes a tenant', deleteTenant],
  ['deletes records', deleteRecords],
  ['waits for minutes', async ({ clock, random }) => clock.advance(random.below(12) * MINUTE_MS)],
];

const ALL: readonly Action[] = [
  ...KIND,
  ['takes a bucket away', takeBucketAway],
  ['fills the disk', fillDisk],
  ['repeats a put', async ({ random, buckets }) => random.pick(buckets).repeatPut()],
  ['sets the clock', setClock],
  ['sets the clock', setClock],
  ['sets the clock', setClock],
];

function deleteTenant(world: World, node: Node, life: Life): Promise<void> {
  const tenant = world.random.pick(TENANTS);
  return erase(
    world,
    life,
    (record) => record.tenant === tenant,
    () => node.deleteTenant(tenant),
  );
}

/** Of a table every third record, or all. */
function deleteRecords(world: World, node: Node, life: Life): Promise<void> {
  const { random } = world;
  const [tenant, table] = [random.pick(TENANTS), random.pick(SIGNALS)];
  const [one, of] = random.pick(SHARES);
  const isGone = (id: string): boolean => Number(id.slice(1)) % of === one;
  return erase(
    world,
    life,
    (record) => record.tenant === tenant && record.table === table && isGone(record.id),
    () => node.deleteRecords(tenant, table, isGone),
  );
}

const SHARES = [
  [0, 3],
  [1, 3],
  [2, 3],
  [0, 1],
] as const;

/** A deletion that failed is called again: until then some of it may be done. */
async function erase(world: World, life: Life, covers: Covers, remove: () => Promise<void>): Promise<void> {
  const { random, ledger, scheduler } = world;
  const deletion = ledger.deletionBegins(covers);
  try {
    while (!(await isDone(remove))) await scheduler.sleep(life, random.below(LONGEST_PAUSE_MS), 'deletes again');
    deletion.succeeded();
    await checkErased(world);
  } finally {
    deletion.ended();
  }
}

/** A thread may end too. */
async function isDone(remove: () => Promise<void>): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (isOpenWitError(error) && (error.kind === 'unavailable' || error.code === 'INTERNAL')) return false;
    throw error;
  }
}

async function takeBucketAway({ random, buckets, scheduler }: World, _node: Node, life: Life): Promise<void> {
  const bucket = random.pick(buckets);
  bucket.isAway = true;
  await scheduler.sleep(life, random.below(LONGEST_TROUBLE_MS), 'bucket comes back');
  bucket.isAway = false;
}

async function fillDisk({ random, disk, scheduler }: World, _node: Node, life: Life): Promise<void> {
  disk.capacityBytes = random.below(3000);
  await scheduler.sleep(life, random.below(LONGEST_TROUBLE_MS), 'disk has room');
  disk.capacityBytes = Infinity;
}

async function setClock({ random, clock, scheduler }: World): Promise<void> {
  const isRight = clock.offsetMs !== 0 && random.below(2) === 0;
  clock.setOffset(isRight ? 0 : random.pick([-3 * 3_600_000, 90_000, 3_600_000, 400 * 86_400_000]));
  scheduler.trace.add(`the wall clock is off by ${clock.offsetMs} ms`);
}
