/** The scenarios that did not pass last time, by the folder in which they were run. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findStateFolder } from '../../bin/cache-folder.js';
import { errnoOf, SetupError } from '../errors.ts';
import { keepFile } from '../host/keep-file.ts';
import { realPath } from '../host/own-process.ts';
import type { ScenarioOutcome } from './report.ts';

const MOST_FOLDERS = 100;

type Kept = Record<string, string[]>;

/** Names. @throws SetupError `no-last-failed` where nothing is known, or nothing failed. */
export function readLastFailed(): readonly string[] {
  const failed = readKept()[here()];
  if (failed === undefined)
    throw new SetupError('no-last-failed', 'no scenarios have been run here yet', 'leave out --last-failed');
  if (failed.length === 0)
    throw new SetupError('no-last-failed', 'all scenarios passed the last time', 'leave out --last-failed');
  return failed;
}

/** Records the scenarios that were run now; what is known of others stays. Without a state folder nothing is saved. */
export function writeLastFailed(outcomes: readonly ScenarioOutcome[]): void {
  const file = stateFile();
  if (file === null) return;
  const kept = readKept();
  const names = new Set(kept[here()] ?? []);
  for (const { name, status } of outcomes) {
    names.delete(name);
    if (status === 'failed' || status === 'error') names.add(name);
  }
  const others = Object.entries(kept).filter(([folder]) => folder !== here());
  const next: Kept = Object.fromEntries([...others, [here(), [...names].toSorted()] as const].slice(-MOST_FOLDERS));
  try {
    keepFile(file, JSON.stringify(next));
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
}

function readKept(): Kept {
  const file = stateFile();
  try {
    const kept: unknown = file === null ? null : JSON.parse(readFileSync(file, 'utf8'));
    return typeof kept === 'object' && kept !== null ? (kept as Kept) : {};
  } catch {
    // Not written yet, or damaged: nothing is known.
    return {};
  }
}

function here(): string {
  return realPath('.');
}

function stateFile(): string | null {
  const { folder } = findStateFolder();
  return folder === null ? null : join(folder, 'scenarios-last.json');
}
