#!/usr/bin/env node
// Builds the addon from its Rust source, with cargo, and puts it where the package looks first. What was built of the same source
// is taken from the user's cache folder.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const crate = join(here, 'rust');
const addon = join(here, 'dist', 'tantivy-node.node');
/** What source it was built of. */
const stamp = `${addon}.source`;
const made = { win32: 'tantivy_node.dll', darwin: 'libtantivy_node.dylib' }[process.platform] ?? 'libtantivy_node.so';

/** Does nothing when the addon is there. @throws Error when it cannot be built */
export function buildAddon() {
  const source = sourceHash();
  if (existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === source) return;
  const kept = join(cacheFolder(), `tantivy-node-${process.platform}-${process.arch}-${source}.node`);
  if (!existsSync(kept)) build(kept);
  mkdirSync(dirname(addon), { recursive: true });
  put(kept, addon);
  writeFileSync(stamp, source);
}

function build(target) {
  if (spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status !== 0) {
    throw new Error('there is no cargo: install Rust (https://rustup.rs)');
  }
  process.stderr.write('building the addon for full-text search, which takes some minutes\n');
  const args = ['build', '--release', '--locked', '--lib', '--manifest-path', join(crate, 'Cargo.toml')];
  const { status } = spawnSync('cargo', args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`cargo failed, status=${status}`);
  mkdirSync(dirname(target), { recursive: true });
  put(join(process.env.CARGO_TARGET_DIR ?? join(crate, 'target'), 'release', made), target);
}

/** A process that has the old file open keeps it. */
function put(from, to) {
  copyFileSync(from, `${to}.${process.pid}`);
  renameSync(`${to}.${process.pid}`, to);
}

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'openwit');
}

function sourceHash() {
  const hash = createHash('sha256');
  const files = [
    'Cargo.toml',
    'Cargo.lock',
    'build.rs',
    ...readdirSync(join(crate, 'src')).map((name) => `src/${name}`),
  ];
  for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(join(crate, file)));
  return hash.digest('hex').slice(0, 24);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) buildAddon();
