import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DeleteOptions, OpenWitOptions } from '@openwit/core';
import { type NodeProcess, whenReady } from './node-process.ts';

const MAIN = fileURLToPath(new URL('./embedded-node-main.ts', import.meta.url));

/** A whole tenant, or the records of a table that a condition holds for. */
export type Deletion = { readonly tenant: string } | DeleteOptions;

export interface DeletionAnswer {
  readonly error?: string;
}

/** A program of its own that embeds a node, with all servers on free ports. */
export interface EmbeddedNode extends NodeProcess {
  /** False when the process was gone before it answered. @throws when the node refused */
  delete(deletion: Deletion): Promise<boolean>;
}

export async function startEmbeddedNode(options: OpenWitOptions): Promise<EmbeddedNode> {
  const args = ['--conditions=openwit-source', MAIN, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  return {
    ...(await whenReady(child)),
    delete: async (deletion) => {
      const answered = once(child, 'message') as Promise<[DeletionAnswer]>;
      child.send(deletion);
      const answer = await Promise.race([answered, exited.then(() => undefined)]);
      if (answer?.[0].error !== undefined) throw new Error(answer[0].error);
      return answer !== undefined;
    },
  };
}
