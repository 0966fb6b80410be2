/** Finds the scenarios that names, files, folders and tags select. */

import { existsSync, readdirSync, type Stats, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { absolute, ownFolder, realPath } from '../host/own-process.ts';
import { packageFolder } from '../host/package-folder.ts';
import { readInput } from '../host/read-input.ts';
import { fsPath } from '../text/bytes.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { isBaselineName } from './baseline/place.ts';
import type { Mistake } from './issues.ts';
import { loadScenario } from './load.ts';
import type { Scenario } from './types.ts';

export type FoundScenarios = Readonly<{
  scenarios: readonly Scenario[];
  mistakes: readonly Mistake[];
  files: readonly string[];
}>;

export type ScenarioSelection = Readonly<{
  /** Names, files and folders. */
  words: readonly string[];
  /** Folders selected as a whole: `own` is ./scenarios, `library` comes with kmem-run. */
  folders: readonly ScenarioFolder[];
  tags: readonly string[];
  /** Parts of names. */
  filters: readonly string[];
}>;

export const ALL_FOLDERS = ['own', 'library'] as const;

export type ScenarioFolder = (typeof ALL_FOLDERS)[number];

/** More than loadScenario() accepts, so that a file that is too long is one mistake among others. */
const MOST_BYTES = 16 * 2 ** 20;

function folderOf(kind: ScenarioFolder): string {
  return kind === 'own' ? absolute('scenarios') : join(packageFolder(), 'scenarios');
}

/** Without duplicates: in a clone of kmem-run ./scenarios is the library. */
function filesOf(kinds: readonly ScenarioFolder[]): string[] {
  const folders = kinds.map(folderOf).filter((folder) => existsSync(fsPath(folder)));
  return [...new Set(folders.map(realPath))].flatMap(filesIn);
}

export function isInLibrary({ file }: Pick<Scenario, 'file'>): boolean {
  return realPath(file).startsWith(`${realPath(folderOf('library'))}/`);
}

/** The default selection of commands: the user's own scenarios if nothing is named. */
export function defaultFolders(words: readonly string[], library: boolean): readonly ScenarioFolder[] {
  if (library) return ['library'];
  return words.length === 0 ? ['own'] : [];
}

/** @throws SetupError `no-scenario`, `unreadable-scenario`. */
export function findScenarios({ words, folders, tags, filters }: ScenarioSelection): FoundScenarios {
  const all = words.some((word) => !isPath(word)) ? load(filesOf(ALL_FOLDERS)) : NOTHING;
  const named = words.map((word) => (isPath(word) ? load(filesAt(word)) : byName(word, all)));
  const files = filesOf(folders);
  if (words.length === 0 && files.length === 0) throw noOwn();
  const found = [...named, load(files)];
  // The first with a name wins: the user's own before those that come with kmem-run.
  const scenarios = new Map<string, Scenario>();
  for (const scenario of found.flatMap((each) => each.scenarios)) {
    if (!scenarios.has(scenario.name)) scenarios.set(scenario.name, scenario);
  }
  const selected = [...scenarios.values()]
    .filter((scenario) => tags.length === 0 || tags.some((tag) => scenario.tags.includes(tag)))
    .filter(({ name }) => filters.length === 0 || filters.some((part) => name.includes(part)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (tags.length > 0 && selected.length === 0) refuseTags(tags, [...scenarios.values()]);
  return {
    scenarios: selected,
    mistakes: found.flatMap((each) => each.mistakes),
    files: [...new Set(found.flatMap((each) => each.files))],
  };
}

const NOTHING: FoundScenarios = { scenarios: [], mistakes: [], files: [] };

function isPath(word: string): boolean {
  return word.includes('/') || /\.ya?ml$/.test(word) || (existsSync(word) && statSync(word).isDirectory());
}

function byName(word: string, all: FoundScenarios): FoundScenarios {
  const scenarios = all.scenarios.filter(({ name }) => name === word);
  // A file that is not a readable scenario is known only by its file name.
  const mistakes = all.mistakes.filter(({ file }) => basename(file).replace(/\.ya?ml$/, '') === word);
  if (scenarios.length > 0 || mistakes.length > 0)
    return { scenarios, mistakes, files: scenarios.map(({ file }) => file) };
  const names = all.scenarios.map(({ name }) => name);
  const hint = didYouMean(
    word,
    names,
    names.length === 0 ? 'there is no scenarios folder here' : `known scenarios: ${names.join(', ')}`,
  );
  throw new SetupError('no-scenario', `no scenario is called ${quote(word)}`, hint);
}

function noOwn(): SetupError {
  return new SetupError(
    'no-scenario',
    'no scenarios found in ./scenarios',
    'write one with kmem-run scenario new NAME, or select the built-in library: --library',
  );
}

function refuseTags(tags: readonly string[], scenarios: readonly Scenario[]): never {
  const known = [...new Set(scenarios.flatMap((scenario) => scenario.tags))].toSorted();
  const [tag = ''] = tags;
  throw new SetupError(
    'no-scenario',
    `no scenario has the tag ${quote(tag)}`,
    didYouMean(tag, known, `known tags: ${known.join(', ')}`),
  );
}

function filesAt(word: string): string[] {
  const path = absolute(word);
  const refuse = (why: string): SetupError =>
    new SetupError('no-scenario', `${quote(word)} ${why}`, 'name a scenario file or a folder of them');
  let stat: Stats | undefined;
  try {
    stat = statSync(fsPath(path), { throwIfNoEntry: false });
  } catch (error) {
    // A link to itself, or a folder that cannot be entered.
    throw refuse(`cannot be read: ${errnoOf(error)}`);
  }
  if (stat === undefined) throw refuse('does not exist');
  if (!stat.isDirectory()) return [path];
  const files = filesIn(path);
  if (files.length > 0) return files;
  throw new SetupError('no-scenario', `${quote(word)} contains no scenario`, 'scenario files end in .yaml or .yml');
}

function filesIn(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => /\.ya?ml$/.test(name) && !isBaselineName(name))
    .toSorted()
    .map((name) => join(folder, name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(fsPath(folder), { recursive: true, encoding: 'utf8' });
  } catch (error) {
    const reason = `${quote(folder)} cannot be searched for scenarios (${errnoOf(error)})`;
    throw new SetupError('unreadable-scenario', reason, 'name a readable folder, or the files in it');
  }
}

function load(files: readonly string[]): FoundScenarios {
  const loaded = files.map((file) => loadScenario(shownPath(file), textOf(file)));
  return {
    scenarios: loaded.flatMap(({ scenario }) => scenario ?? []),
    mistakes: loaded.flatMap(({ mistakes }) => mistakes ?? []),
    files,
  };
}

function textOf(file: string): string {
  return readInput(file, MOST_BYTES, { code: 'unreadable-scenario', hint: 'name a readable scenario file' });
}

/** Relative if it is below the current folder: short, and what CI servers link to. */
export function shownPath(file: string): string {
  const path = relative(ownFolder(), file);
  return path === '' || path.startsWith('..') ? file : path;
}
