/** Locates one of our C programs: compiled by the build, or on first use from the source in the package. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findCacheFolder, isPrivateFile } from '../../bin/cache-folder.js';
import { CompileError, compileNative, type NativeProgram, nativeId } from '../../bin/compile-native.js';
import { SetupError } from '../errors.ts';
import { isExecutable } from '../host/programs.ts';

/**
 * Absolute path of the program; compiled now (some seconds, once per user and version) if the package came without it.
 * `id`: what nativeId returns for it; undefined: not known yet.
 * @throws SetupError `no-compiler`, `compile-failed`, `no-cache-folder` or `no-helper`.
 */
export function findNative(program: NativeProgram, id: string | undefined): string {
  const root = packageRoot(import.meta.dirname);
  const built = join(root, 'dist', program.name);
  return isExecutable(built) ? built : cachedProgram(program, root, id);
}

/** The nearest folder above with a package.json: the same from src/gate/ and from dist/. */
export function packageRoot(from: string): string {
  return existsSync(join(from, 'package.json')) || from === dirname(from) ? from : packageRoot(dirname(from));
}

function cachedProgram(program: NativeProgram, root: string, id: string | undefined): string {
  const source = join(root, program.folder, 'main.c');
  if (!existsSync(source)) {
    throw new SetupError(
      'no-helper',
      `${program.called} is missing from the package: no dist/${program.name} and no ${source}`,
      'reinstall kmem-run',
    );
  }

  const { folder, reason } = findCacheFolder();
  if (folder === null) {
    throw new SetupError(
      'no-cache-folder',
      `no private folder to build ${program.called} in: ${reason}`,
      'set XDG_CACHE_HOME to a folder that only you can write to',
    );
  }

  const file = join(folder, `${program.name}-${id ?? nativeId(program, root)}-${process.arch}`);
  if (!(isPrivateFile(file) && isExecutable(file))) {
    build(program, root, file);
  }

  if (!isExecutable(file)) {
    throw new SetupError(
      'no-helper',
      `${file} cannot be executed (a file system mounted noexec?)`,
      'set XDG_CACHE_HOME to a folder on a file system that is not mounted noexec',
    );
  }

  return file;
}

function build(program: NativeProgram, root: string, target: string): void {
  try {
    compileNative(program, root, target, { warningsAreErrors: false });
  } catch (error) {
    if (error instanceof CompileError) {
      throw new SetupError(error.code, error.message, error.hint, { cause: error });
    }

    throw new SetupError(
      'no-helper',
      `${program.called} could not be written to ${dirname(target)}: ${(error as Error).message}`,
      'free some space there, or set XDG_CACHE_HOME to a folder that you own and that has free space',
      { cause: error },
    );
  }
}
