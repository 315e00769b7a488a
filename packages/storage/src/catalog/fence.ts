import { OpenWitError } from '@openwit/ports';
import type { SqlSession } from './sql-database.ts';

/**
 * The right of a handle to write in its node's name: it ends when the node is opened again, here or elsewhere. SQLite
 * needs none: its folder has a lock.
 */
export class Fence {
  readonly #nodeId: string;
  readonly #epoch: number;
  #fenced: OpenWitError | undefined;

  constructor(nodeId: string, epoch: number) {
    this.#nodeId = nodeId;
    this.#epoch = epoch;
  }

  /** In the transaction that it guards. @throws fenced / FENCED, for good */
  async check(sql: SqlSession): Promise<void> {
    if (this.#fenced !== undefined) throw this.#fenced;
    const row = await sql.get('SELECT epoch FROM openwit_nodes WHERE node_id = ?', this.#nodeId);
    if (row?.epoch === this.#epoch) return;
    this.#fenced = new OpenWitError('fenced', 'FENCED', `the node was opened elsewhere, node=${this.#nodeId}`, {
      details: { nodeId: this.#nodeId },
    });
    throw this.#fenced;
  }
}
