// A program that embeds a node: its options are the argument. It deletes what its parent asks it to.
import { type DeleteOptions, OpenWit, type OpenWitOptions } from '@openwit/core';
import type { Deletion, DeletionAnswer } from './embedded-node.ts';

const wit = await OpenWit.open(JSON.parse(process.argv[2]!) as OpenWitOptions);
const { grpc, http, api } = await wit.listen({ grpc: 0, http: 0, api: 0 });

process.on('message', (deletion: Deletion) => {
  const answer = (message: DeletionAnswer) => process.send!(message);
  run(deletion).then(
    () => answer({}),
    (error: Error) => answer({ error: error.message }),
  );
});
process.once('SIGTERM', () => void wit.close().then(() => process.exit(0)));
console.log(`openwit ready grpc=${grpc} http=${http} api=${api}`);

async function run(deletion: Deletion): Promise<void> {
  if ('where' in deletion) await wit.deleteRecords(deletion satisfies DeleteOptions);
  else await wit.deleteTenant(deletion.tenant);
}
