import { hostname } from 'node:os';
import { type Clock, OpenWitError } from '@openwit/ports';
import type { SqlSession } from './sql-database.ts';

/** The right of a handle to write in its node's name: it ends when the node is opened again, here or elsewhere. */
export class Fence {
  readonly nodeId: string;
  readonly #epoch: number;
  #fenced: OpenWitError | undefined;

  /** Ends the right of whoever has the node. In a transaction. */
  static async take(sql: SqlSession, clock: Clock, nodeId: string): Promise<Fence> {
    await sql.run(
      `INSERT INTO openwit_nodes(node_id, epoch, next_batch_id, holder, since_ms) VALUES (?, 1, 1, ?, ?)
       ON CONFLICT(node_id) DO UPDATE
         SET epoch = openwit_nodes.epoch + 1, holder = excluded.holder, since_ms = excluded.since_ms`,
      nodeId,
      `${hostname()}/${process.pid}`,
      clock.now(),
    );
    const row = await sql.get('SELECT epoch FROM openwit_nodes WHERE node_id = ?', nodeId);
    return new Fence(nodeId, row!.epoch as number);
  }

  private constructor(nodeId: string, epoch: number) {
    this.nodeId = nodeId;
    this.#epoch = epoch;
  }

  /** In the transaction that it guards. @throws fenced / FENCED, for good */
  async check(sql: SqlSession): Promise<void> {
    if (this.#fenced !== undefined) throw this.#fenced;
    const row = await sql.get('SELECT epoch, holder, since_ms FROM openwit_nodes WHERE node_id = ?', this.nodeId);
    if (row?.epoch === this.#epoch) return;
    const { nodeId } = this;
    const [holder, sinceMs] = [String(row?.holder ?? ''), Number(row?.since_ms ?? 0)];
    const message = `another process has the node now, node=${nodeId} holder=${holder} sinceMs=${sinceMs}`;
    this.#fenced = new OpenWitError('fenced', 'FENCED', message, { details: { nodeId, holder, sinceMs } });
    throw this.#fenced;
  }
}
