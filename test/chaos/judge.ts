/** What must hold for one run, whatever was done to it. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Result } from '../../src/result/schema.ts';
import { validateResult } from '../validate-result.ts';
import { statusesOf } from './actions.ts';
import type { Status } from './kinds.ts';
import { filesLeft, type Observed, type Place } from './run.ts';

/** A frame of a stack trace, and Node.js's message for an error that nobody caught. */
export const STACK_TRACE = /^\s+at .+[:(]\d+|^Node\.js v\d|Uncaught/m;

const SHOWN = 5;

/** Violated conditions, one line each. */
export function judgeRun(observed: Observed, place: Place): readonly string[] {
  const { late, bystanders, stderr } = observed;
  const problems = [
    ...(late.length === 0 ? [] : [`${late.length} still there: ${late.slice(0, SHOWN).join(', ')}`]),
    ...bystanders.map((pid) => `bystander ${pid} was killed`),
    ...(STACK_TRACE.test(stderr) ? ['a stack trace'] : []),
    ...judgeStatus(observed),
    ...judgeFiles(observed),
  ];
  const { result, problem } = readResult(observed, place);
  if (problem !== null) problems.push(problem);
  if (result !== null) problems.push(...judgeCalls(result));
  return [...problems, ...judgeGroups(observed, result)];
}

export function allowedStatuses({ plan: { kind, action }, reached, ended }: Observed): readonly Status[] {
  return [
    ...kind.statuses,
    ...(reached === 0 ? [] : [...action.statuses, ...(kind.disturbed ?? [])]),
    ...(ended ? statusesOf('SIGTERM') : []),
  ];
}

function judgeStatus(observed: Observed): readonly string[] {
  const { status } = observed;
  // It is late as well.
  if (status === null) return ['kmem-run did not end'];
  const allowed = allowedStatuses(observed);
  return allowed.includes(status) ? [] : [`ended with ${status}, not with ${allowed.join(', ')}`];
}

/** Only SIGKILL keeps kmem-run from removing what it was writing. */
function judgeFiles(observed: Observed): readonly string[] {
  return observed.status === 'SIGKILL' || observed.status === null
    ? []
    : filesLeft(observed).map((name) => `file ${name} was left`);
}

type Reading = Readonly<{ result: Result | null; problem: string | null }>;

/**
 * A result is complete. It exists if kmem-run ended by itself, or any time after the command ended unless it was
 * killed.
 */
function readResult(observed: Observed, place: Place): Reading {
  const { plan, status, done, folder, label } = observed;
  const file = join(folder, 'result.json');
  const isThere = plan.kind.result === 'store' ? isStored(place, label) : existsSync(file);
  const endedByItself = typeof status === 'number' && plan.kind.result === 'run';
  if (!isThere) {
    const mustBe = status !== 'SIGKILL' && status !== null && (done || endedByItself);
    return {
      result: null,
      problem: mustBe ? `no result (status ${status}${done ? ', the command had ended' : ''})` : null,
    };
  }
  if (plan.kind.result === 'store') return { result: null, problem: null };
  try {
    const document = JSON.parse(readFileSync(file, 'utf8'));
    return { result: plan.kind.result === 'run' ? validateResult(document) : null, problem: null };
  } catch (error) {
    return { result: null, problem: `the result is not whole: ${error instanceof Error ? error.message : error}` };
  }
}

function isStored({ store }: Place, label: string): boolean {
  if (!existsSync(store)) return false;
  const database = new DatabaseSync(store, { readOnly: true, timeout: 10_000 });
  try {
    // The creator of the store may have been killed before it had a table.
    const tables = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'run'");
    const labelled = () => database.prepare('SELECT 1 FROM run WHERE label = ?').get(label);
    return tables.get() !== undefined && labelled() !== undefined;
  } finally {
    database.close();
  }
}

/** A step begins with an execve, which is gated. */
function judgeCalls({ enforcement, steps }: Result): readonly string[] {
  const { mode, gatedCalls } = enforcement;
  if (mode !== 'gate' || gatedCalls === null || gatedCalls >= steps.length) return [];
  return [`${gatedCalls} gated calls in ${steps.length} steps`];
}

/** Each program that reports its group started in the run's group. */
function judgeGroups({ folder }: Observed, result: Result | null): readonly string[] {
  const group = new RegExp(`/kmem-run\\.${result?.id ?? '[0-9a-f]+'}(/|$)`);
  const lines = readFileSync(join(folder, 'groups'), 'utf8').split('\n').slice(0, -1);
  const outside = lines.filter((line) => !group.test(line));
  return outside.slice(0, 1).map((line) => `${outside.length} programs began outside the group: ${line}`);
}
