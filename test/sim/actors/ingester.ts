import type { RecordEntry } from '../ledger.ts';
import { Node } from '../node.ts';
import { SIGNALS, TENANTS } from '../run-settings.ts';
import type { Life } from '../scheduler.ts';
import type { Row } from '../sim-files.ts';
import type { World } from '../world.ts';

const HOUR_MS = 3_600_000;
const LONGEST_PAUSE_MS = 1500;

/** How far each source was acknowledged, over all lives. */
export class Sources {
  readonly acknowledged = new Map<string, number>();

  next(source: string): number {
    return this.acknowledged.get(source) ?? 0;
  }
}

/** Sends requests one after the other; with a source it sends a position until it is acknowledged. */
export async function ingest(world: World, life: Life, node: Node, sources: Sources, source?: string): Promise<void> {
  const { scheduler, random } = world;
  for (;;) {
    await scheduler.sleep(life, random.below(LONGEST_PAUSE_MS), 'ingester');
    if (world.isResting) return;
    const records = ask(world);
    const [{ tenant, table }] = records as [RecordEntry];
    const rows = records.map(({ id, ms }): Row => [id, ms]);
    const position = source === undefined ? undefined : { source, next: sources.next(source) + 1 };
    try {
      await node.ingest({ tenant, table, rows, ...(position && { source: position }) });
      world.ledger.answer(records, 'acknowledged');
      if (position !== undefined) sources.acknowledged.set(position.source, position.next);
    } catch (error) {
      world.ledger.answer(records, world.cuts.isUncut ? 'unclear' : 'rejected');
      if (!Node.isRefusal(error)) scheduler.fail(error);
    }
  }
}

/** Most records are of now; some come late, and spans last for hours. */
function ask({ random, ledger, clock }: World): RecordEntry[] {
  const tenant = random.pick(TENANTS);
  const table = random.pick(SIGNALS);
  const kind = random.below(8);
  const reach = kind === 0 ? 30 * HOUR_MS : kind === 1 ? 3 * HOUR_MS : 5000;
  return Array.from({ length: 1 + random.below(5) }, () =>
    ledger.ask(tenant, table, clock.now() - random.below(reach)),
  );
}
