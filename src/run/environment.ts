import { ownEnvironment } from '../host/own-process.ts';
import type { RunSpec } from '../request/run-spec.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** True if npx (npm exec) started this process: then signals sent to npx never reach it. */
export function isUnderNpx(env: Environment = process.env): boolean {
  return env.npm_command === 'exec' && env.npm_execpath !== undefined;
}

/** The environment of the command: the runner's own without npx's additions, plus the user's variables. */
export function commandEnvironment(
  spec: Pick<RunSpec, 'env' | 'clearEnv'>,
  own: Environment = ownEnvironment(),
): Record<string, string> {
  if (spec.clearEnv) return { ...spec.env };
  return { ...(isUnderNpx(own) ? withoutNpx(own) : defined(own)), ...spec.env };
}

/**
 * npx prepends its own folders to PATH (the last of them is npm's node-gyp-bin) and sets npm_*, NODE, COLOR and
 * INIT_CWD. A measured `node app.js` would find a Node other than the user's.
 */
function withoutNpx(own: Environment): Record<string, string> {
  const kept = Object.entries(defined(own)).filter(
    ([name]) => !name.startsWith('npm_') && !['NODE', 'COLOR', 'INIT_CWD'].includes(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, name === 'PATH' ? withoutNpxFolders(value) : value]));
}

function withoutNpxFolders(path: string): string {
  const folders = path.split(':');
  const last = folders.findLastIndex((folder) => folder.endsWith('/node-gyp-bin'));
  return folders.slice(last + 1).join(':');
}

function defined(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
