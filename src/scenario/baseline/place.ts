import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SetupError } from '../../errors.ts';
import { absolute, realPath } from '../../host/own-process.ts';
import { packageFolder } from '../../host/package-folder.ts';
import { quote } from '../../text/quote.ts';
import type { Scenario } from '../types.ts';

const NAME = 'baseline.yaml';

/** Allows a folder of scenarios to contain the file: no scenario has such a name. */
export function isBaselineName(path: string): boolean {
  return basename(path) === NAME || path.endsWith(`.${NAME}`);
}

/** @throws SetupError `bad-baseline-name`. */
export function readBaselineName(path: string): string {
  if (isBaselineName(path)) return path;
  throw new SetupError(
    'bad-baseline-name',
    `invalid name for a baseline file: ${quote(path)}`,
    `use ${NAME}, or a name that ends in .${NAME}, to distinguish it from scenarios`,
  );
}

/** Absolute: the requested file, the one that the scenario names, or one beside the scenario. */
export function baselineFile(scenario: Scenario, asked: string | null): string {
  if (asked !== null) return absolute(asked);
  const folder = dirname(scenario.file);
  if (scenario.baseline?.file != null) return resolve(folder, scenario.baseline.file);
  // Files that come with kmem-run are not for the user to write, and are replaced when it is reinstalled.
  return isOwn(folder) ? join(absolute('scenarios'), NAME) : join(folder, NAME);
}

function isOwn(folder: string): boolean {
  const own = join(packageFolder(), 'scenarios');
  return existsSync(own) && existsSync(folder) && realPath(folder) === realPath(own);
}
