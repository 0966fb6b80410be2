/** `kmem-run.config.json` or `kmem-run.config.yaml`: found, checked for who can change it, and read. */

import { lstatSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { trustedPath } from '../../bin/cache-folder.js';
import { SetupError } from '../errors.ts';
import { ownFolder } from '../host/own-process.ts';
import { parseJson, readInput } from '../host/read-input.ts';
import { fsPath } from '../text/bytes.ts';
import { quote } from '../text/quote.ts';

export type SettingsFile = Readonly<{
  /** Absolute. */
  path: string;
  /** Each value as written: `5.10` is a string, not a number. */
  content: Readonly<Record<string, unknown>>;
}>;

const NAMES = ['kmem-run.config.json', 'kmem-run.config.yaml'];
const MOST_BYTES = 2 ** 20;
const HINT = 'correct the file, or ignore it with --no-config';

/** Null: no such file. @throws SetupError `untrusted-config`, `bad-config`, `two-configs`. */
export async function readSettingsFile(): Promise<SettingsFile | null> {
  const path = findFile();
  if (path === null) return null;
  refuseUntrusted(path);
  const text = readInput(path, MOST_BYTES, { code: 'bad-config', hint: HINT });
  const content = extname(path) === '.json' ? readJson(path, text) : await readYaml(path, text);
  // An empty YAML file, or one with comments only.
  if (content === null || content === undefined) return { path, content: {} };
  if (typeof content === 'object' && !Array.isArray(content))
    return { path, content: content as SettingsFile['content'] };
  throw badFile(`${quote(path, 1000)} has no keys`);
}

/**
 * In the working directory or its nearest ancestor on the same file system: as Git does, so that no automounter is
 * asked for a name, and nothing outside a container's volume is read.
 */
function findFile(): string | null {
  let folder = startFolder();
  if (folder === null) return null;
  const { dev } = statSync(fsPath(folder));
  for (;;) {
    const found = NAMES.filter((name) => isThere(join(folder ?? '/', name)));
    if (found.length > 1) {
      const reason = `${quote(folder, 1000)} contains both ${found.join(' and ')}`;
      throw new SetupError('two-configs', reason, 'remove one of them, or ignore both with --no-config');
    }
    if (found[0] !== undefined) return join(folder, found[0]);
    const above = dirname(folder);
    if (above === folder || statSync(fsPath(above)).dev !== dev) return null;
    folder = above;
  }
}

/** Null: it was removed. The command that needs it reports that. */
function startFolder(): string | null {
  try {
    return ownFolder();
  } catch {
    return null;
  }
}

/** A link counts, wherever it leads. A file that this user cannot even look up was not meant for them. */
function isThere(path: string): boolean {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** It names commands to run. As in Git, sudo is trusted to name the user whose rights it raised. */
function refuseUntrusted(path: string): void {
  const [user, caller] = [process.geteuid?.(), Number(process.env.SUDO_UID || Number.NaN)];
  try {
    trustedPath(path, (uid) => uid === 0 || uid === user || (user === 0 && uid === caller));
  } catch (error) {
    throw new SetupError(
      'untrusted-config',
      `${quote(path, 1000)} is not read: ${error instanceof Error ? error.message : String(error)}`,
      'make the file and its folder owned by you and writable only by you (chown, chmod go-w), or ignore the file with --no-config',
      { cause: error },
    );
  }
}

function readJson(path: string, text: string): unknown {
  try {
    return parseJson(text, (_, value, { source }) => (typeof value === 'number' ? source : value));
  } catch (error) {
    throw badFile(`${quote(path, 1000)} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readYaml(path: string, text: string): Promise<unknown> {
  // It loads the parser of YAML.
  const { parseYaml } = await import('../scenario/document.ts');
  const { value, errors } = parseYaml(text, { schema: 'failsafe' });
  const [mistake] = errors;
  if (mistake === undefined) return value;
  const { line, column } = mistake.place;
  throw badFile(`${quote(`${path}:${line}:${column}`, 1000)}: ${mistake.message}`);
}

export function badFile(message: string, hint: string = HINT): SetupError {
  return new SetupError('bad-config', message, hint);
}
