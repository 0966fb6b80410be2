/**
 * Runs the bundle with V8's code cache. Node's own compile cache holds what was compiled when a module was loaded; this
 * one is created when the process exits, and contains the functions that a run really called: a fifth of each start.
 */

import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import vm from 'node:vm';
import { readPrivateFile } from './cache-folder.js';
import { makerMark } from './maker.js';

/** The file's contents, or undefined if it cannot be read. */
export function readOrNothing(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Without a cache the next start is only slightly slower. */
function keep(file, data) {
  const temporary = `${file}.${makerMark()}0`;
  try {
    writeFileSync(temporary, data, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
    forgetOld(dirname(file));
  } catch {
    rmSync(temporary, { force: true });
  }
}

/** For versions that have not been started for a while. */
function forgetOld(folder) {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (/^cli-.*\.cache$/.test(name) && Date.now() - statSync(file).mtimeMs > OLD_MS) {
      rmSync(file, { force: true });
    }
  }
}

const OLD_MS = 30 * 24 * 3600 * 1000;

/** The build writes a hash of the bundle into its first line: V8 itself compares only the length. */
function idOf(source) {
  return /^\/\* ([0-9a-f]{16}) \*\//.exec(source)?.[1] ?? null;
}

/** A run and `--version` call different functions: each kind of start has its own cache. */
function kindOf(args) {
  return args.includes('--') ? 'run' : 'other';
}

/** Runs a CommonJS bundle; `script.cachedDataRejected` is false if V8 accepted the cache. */
export function loadBundle(file, cachedData, source = readFileSync(file, 'utf8')) {
  const script = new vm.Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: file,
    cachedData,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const own = { exports: {} };
  const run = () => {
    script.runInThisContext()(own.exports, module.createRequire(file), own, file, dirname(file));
    return own.exports;
  };
  return { script, run };
}

/** `folder`: where caches are saved, a folder that nobody else can write to; null: nowhere. */
export function runBundle(file, folder) {
  const source = readFileSync(file, 'utf8');
  const id = idOf(source);
  const cache =
    folder === null || id === null ? null : join(folder, `cli-${id}-${process.version}-${kindOf(process.argv)}.cache`);
  const cachedData = cache === null ? undefined : readPrivateFile(cache);
  const { script, run } = loadBundle(file, cachedData, source);
  if (cache !== null && (cachedData === undefined || script.cachedDataRejected)) {
    process.once('exit', () => keep(cache, script.createCachedData()));
  }

  run();
}
