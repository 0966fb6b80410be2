/** Where the native helper is: made by the build, or on first use from the source that the package carries. */

import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findCacheFolder, isPrivateFile } from '../../bin/cache-folder.js';
import { CompileError, compileGate, gateId } from '../../bin/compile-gate.js';
import { SetupError } from '../errors.ts';

/** Put in by bin/build.js, since hashing the source would cost each start 3 ms; absent when the sources run as they are. */
declare const KMEM_GATE_ID: string | undefined;

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The nearest folder above with a package.json: the same from src/gate/ and from dist/. */
const packageRoot = (from: string): string =>
  existsSync(join(from, 'package.json')) || from === dirname(from) ? from : packageRoot(dirname(from));

const build = (source: string, target: string): void => {
  try {
    compileGate(source, target, { warningsAreErrors: false });
  } catch (error) {
    if (error instanceof CompileError) {
      throw new SetupError(error.code, error.message, error.hint, { cause: error });
    }

    throw new SetupError(
      'no-helper',
      `the native helper could not be put into ${dirname(target)}: ${(error as Error).message}`,
      'make room there, or set XDG_CACHE_HOME to a folder of yours with space',
      { cause: error },
    );
  }
};

const cachedHelper = (source: string): string => {
  if (!existsSync(source)) {
    throw new SetupError('no-helper', `there is no native helper and no ${source}`, 'reinstall kmem-run');
  }

  const { folder, reason } = findCacheFolder();
  if (folder === null) {
    throw new SetupError(
      'no-cache-folder',
      `no private folder to build the native helper in: ${reason}`,
      'set XDG_CACHE_HOME to a folder that only you can write',
    );
  }

  const id = typeof KMEM_GATE_ID === 'string' ? KMEM_GATE_ID : gateId(source);
  const file = join(folder, `kmem-gate-${id}-${process.arch}`);
  if (!(isPrivateFile(file) && isExecutable(file))) {
    build(source, file);
  }

  if (!isExecutable(file)) {
    throw new SetupError(
      'no-helper',
      `${file} cannot be executed (a file system mounted noexec?)`,
      'set XDG_CACHE_HOME to a folder on a file system that allows programs',
    );
  }

  return file;
};

let found: string | undefined;

/**
 * Absolute path of the native helper; compiled now (about a second, once per user and version) if the package came
 * without it. Throws SetupError `no-compiler`, `compile-failed`, `no-cache-folder` or `no-helper`.
 */
export const helperPath = (): string => {
  if (found === undefined) {
    const root = packageRoot(import.meta.dirname);
    const built = join(root, 'dist', 'kmem-gate');
    found = isExecutable(built) ? built : cachedHelper(join(root, 'src', 'gate', 'gate.c'));
  }

  return found;
};
