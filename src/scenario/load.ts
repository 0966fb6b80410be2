/** A scenario file, read and checked: the scenario, or its errors with their positions. */

import { basename } from 'node:path';
import { SetupError } from '../errors.ts';
import { absolute } from '../host/own-process.ts';
import type { Path } from '../request/expect-key.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { unknownPlaceholders } from '../request/placeholders.ts';
import { HOST } from '../request/run-spec.ts';
import type { BaselineSettings } from './baseline/types.ts';
import { readTolerances } from './baseline/types.ts';
import type { Parsed } from './document.ts';
import { parseYaml } from './document.ts';
import { inputFor } from './input.ts';
import { findIssues, type Mistake } from './issues.ts';
import type { ScenarioFile } from './schema.ts';
import type { Scenario, Settings } from './types.ts';

export type Loaded = Readonly<
  { scenario: Scenario; mistakes: null } | { scenario: null; mistakes: readonly Mistake[] }
>;

const MOST_MISTAKES = 20;
const LONGEST_FILE = 1024 * 1024;

/** Never throws for errors in the text. `file`: absolute, or as it is to be named. */
export function loadScenario(file: string, text: string): Loaded {
  if (text.length > LONGEST_FILE)
    return wrong([{ file, line: 1, column: 1, message: 'longer than 1 MiB', hint: null }]);
  const parsed = parseYaml(text);
  const mistakes = [...findMistakes(parsed)].map((mistake) => ({ file, ...mistake }));
  if (mistakes.length > 0) return wrong(mistakes);
  const scenario = scenarioOf(file, parsed.value as ScenarioFile);
  const last = checkAsRun(scenario, parsed);
  return last === null ? { scenario, mistakes: null } : wrong([{ file, ...last }]);
}

function wrong(mistakes: readonly Mistake[]): Loaded {
  return { scenario: null, mistakes: mistakes.slice(0, MOST_MISTAKES) };
}

type Found = Omit<Mistake, 'file'>;

function findMistakes({ value, errors, placeOf, placeOfKey }: Parsed): Found[] {
  if (errors.length > 0) return errors.map(({ place, message }) => ({ ...place, message, hint: null }));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const hint = 'add keys: description, steps … (kmem-run scenario new writes an example)';
    return [{ ...placeOf([]), message: 'not a scenario: it has no keys', hint }];
  }
  const issues = findIssues(value).map(({ path, key, message, hint }) => ({
    ...(key === null ? placeOf(path) : placeOfKey(path, key)),
    message,
    hint,
  }));
  const unknown = unknownPlaceholders(value).map(({ path, text, hint }) => ({
    ...placeOf(path),
    message: `unknown placeholder ${text}`,
    hint,
  }));
  return [...issues, ...unknown].toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/**
 * Checks that need the whole file: steps that name each other, memsw with mem, an expectation on a step that does not
 * exist.
 */
function checkAsRun(scenario: Scenario, { placeOf }: Parsed): Found | null {
  for (const kernel of new Set([...scenario.kernels, ...Object.keys(scenario.on)])) {
    try {
      normaliseSpec(inputFor(scenario, kernel), { nameOf: nameInFile });
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      // Whether a folder exists is known only at run time.
      if (error.code === 'bad-cwd' || error.code === 'bad-folder') continue;
      return { ...placeOf(pathIn(error.message)), message: error.message, hint: error.hint };
    }
  }
  return null;
}

const LIMITS = ['kmem', 'mem', 'memsw', 'kmemTcp', 'pids'];

function nameInFile(key: string): string {
  if (LIMITS.includes(key)) return `limits.${key}`;
  return key === 'plan' ? 'steps' : key;
}

/** `steps[1].ready.port: …` points there. */
function pathIn(message: string): Path {
  const [written = ''] = /^[A-Za-z]+(?:\.[A-Za-z]+|\[[0-9]+\])*(?=[:. ]|$)/.exec(message) ?? [];
  return [...written.matchAll(/[A-Za-z]+|[0-9]+/g)].map(([part]) => (/^[0-9]/.test(part) ? Number(part) : part));
}

function scenarioOf(file: string, given: ScenarioFile): Scenario {
  const { name, description, tags, needs, kernels, on, setUp, cleanUp, repeat, baseline, steps, ...settings } = given;
  const { limits, timeout, env, ...rest } = settings;
  const [first = HOST, ...others] = listOf(kernels);
  return {
    name: name ?? basename(file).replace(/\.ya?ml$/, ''),
    file: absolute(file),
    description: description.trim(),
    tags: listOf(tags),
    needs: {
      commands: listOf(needs?.commands),
      packages: listOf(needs?.packages),
      files: listOf(needs?.files),
      linux: needs?.linux === undefined ? null : String(needs.linux),
      root: needs?.root ?? false,
      cgroup: needs?.cgroup ?? null,
    },
    kernels: [first, ...others],
    on: Object.fromEntries(
      Object.entries(on ?? {}).map(([kernel, { limits: own, expect, ...more }]) => [
        kernel,
        { ...own, ...more, ...(expect === undefined ? {} : { expect: listOf(expect) }) },
      ]),
    ),
    setUp: listOf(setUp),
    cleanUp: listOf(cleanUp),
    repeat: repeat ?? 1,
    baseline: baselineOf(baseline),
    settings: {
      ...(rest as Settings),
      ...limits,
      timeout: timeout === undefined ? '1m' : timeout,
      expect: listOf(rest.expect),
      env: textsOf(env),
    },
    steps: steps.map((step) => ({
      ...step,
      ...(step.env === undefined ? {} : { env: textsOf(step.env) }),
    })) as Scenario['steps'],
  };
}

function baselineOf(given: ScenarioFile['baseline']): BaselineSettings | null {
  if (given === false) return null;
  return { isNamed: given !== undefined, file: given?.file ?? null, tolerance: readTolerances(given?.tolerance) };
}

function listOf<T>(given: T | readonly T[] | undefined): T[] {
  if (given === undefined) return [];
  return Array.isArray(given) ? [...given] : [given as T];
}

function textsOf(env: ScenarioFile['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env ?? {}).map(([name, value]) => [name, String(value)]));
}
