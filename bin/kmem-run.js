#!/usr/bin/env node
// Old versions of Node must get as far as the check: no new syntax, and no named import that they lack.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { findCacheFolder, makePrivate } from './cache-folder.js';
import { runBundle } from './code-cache.js';

const CANNOT_RUN = 125;
const REQUIRED = [24, 12];

function isOld() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major < REQUIRED[0] || (major === REQUIRED[0] && minor < REQUIRED[1]);
}

function refuse(message, hint) {
  process.stderr.write(`kmem-run: ${message}\nhint: ${hint}\n`);
  process.exitCode = CANNOT_RUN;
}

/** Node loads what it finds there, whoever wrote it. */
function useCompileCache(folder) {
  try {
    module.enableCompileCache(makePrivate(folder));
  } catch {
    // Others can write to the folder: without the cache the next start is slower.
  }
}

const cli = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));

if (isOld()) {
  refuse(
    `needs Node.js ${REQUIRED.join('.')} or newer, and this is ${process.versions.node} (${process.execPath})`,
    'put a newer node first in PATH; in a clone of kmem-run: npm ci && npx kmem-run',
  );
} else if (existsSync(cli)) {
  // V8 would let the space for young objects grow to tens of megabytes before it collects: the runner is a guest here.
  // Set before the code cache is read: V8 rejects a cache created under other flags.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  const { folder } = findCacheFolder();
  // For modules the bundle loads later (zod).
  if (folder !== null) useCompileCache(join(folder, 'compile-cache'));
  runBundle(cli, folder);
} else {
  refuse(`${cli} has not been built`, 'run npm ci in the folder of kmem-run');
}
