import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { fsPath } from '../text/bytes.ts';

/** confstr(_CS_PATH), which execvp(3) uses if PATH is not set. */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * The file that execvp(3) would start, found before anything is created, so that a misspelt command costs nothing.
 * @throws SetupError `command-not-found` (exit status 127) or `not-executable` (126)
 */
export function resolveCommand(command: string, { cwd, path }: { cwd: string; path: string | undefined }): string {
  if (command.includes('/')) {
    const file = resolve(cwd, command);
    const problem = problemOf(file);
    if (problem === null) return file;
    throw problem === 'absent' ? notFound(command, 'check the path') : notExecutable(command, problem);
  }
  const problems: string[] = [];
  for (const folder of (path ?? DEFAULT_PATH).split(':')) {
    const file = resolve(cwd, folder, command);
    const problem = problemOf(file);
    if (problem === null) return file;
    if (problem !== 'absent') problems.push(`${file}: ${problem}`);
  }
  if (problems[0] !== undefined) throw notExecutable(command, problems[0]);
  throw notFound(command, 'install it, or use its path: no folder of PATH has it');
}

function problemOf(file: string): string | null {
  try {
    // A folder of PATH without the command is the rule: an error for each would cost time.
    const stat = statSync(fsPath(file), { throwIfNoEntry: false });
    if (stat === undefined) return 'absent';
    if (stat.isDirectory()) return 'it is a directory';
    accessSync(fsPath(file), constants.X_OK);
    return null;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EACCES') return 'permission denied';
    return errno === 'ENOENT' || errno === 'ENOTDIR' ? 'absent' : (errno ?? String(error));
  }
}

export function notFound(command: string, hint: string): SetupError {
  return new SetupError('command-not-found', `command not found: ${command}`, hint);
}

export function notExecutable(command: string, reason: string): SetupError {
  return new SetupError(
    'not-executable',
    `cannot execute ${command}: ${reason}`,
    'use an executable file (chmod +x), or its interpreter',
  );
}
