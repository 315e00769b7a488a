// Makes the tree ready to run: dependencies, the pinned Node, the build. Needs Node 20 and npm; quick when there is
// nothing to do. `import { setup, node }` gives the same to the other scripts.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAddon } from '../packages/index/tantivy-node/build-addon.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node that everything runs on, whatever Node started the script. */
export const node = join(root, 'node_modules/node/bin/node');

const stamp = join(root, 'node_modules/.openwit-setup');
const launcher = join(root, 'node_modules/.bin/openwit');

export function setup() {
  installDependencies();
  addFullText();
  run(node, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);
  writeLauncher();
}

function installDependencies() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  process.stderr.write('installing dependencies\n');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  // Newer npm versions hold back install scripts; the package that brings Node has one and nothing else needs one.
  if (!existsSync(node)) run(process.execPath, ['installArchSpecificPackage.js'], join(root, 'node_modules/node'));
  writeFileSync(stamp, lock);
}

/** Everything else works without it. */
function addFullText() {
  try {
    buildAddon();
  } catch (error) {
    process.stderr.write(`full-text search is left out: ${error.message}\n`);
  }
}

/** The command of the tree runs on the tree's Node: npm's own link would take the Node of the PATH. */
function writeLauncher() {
  if (process.platform === 'win32') return;
  rmSync(launcher, { force: true });
  writeFileSync(launcher, `#!/bin/sh\nexec '${node}' '${join(root, 'packages/cli/dist/main.js')}' "$@"\n`);
  chmodSync(launcher, 0o755);
}

function run(command, args, cwd = root) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  process.stderr.write(`set-up failed: ${command} ${args.join(' ')}${error ? `: ${error.message}` : ''}\n`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
