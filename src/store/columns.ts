/** Converts rows to and from values. */

import type { SQLOutputValue } from 'node:sqlite';
import { SetupError } from '../errors.ts';
import { parseJson } from '../host/read-input.ts';
import type { Outcome, Result } from '../result/schema.ts';
import { firstFailing, kernelOf } from '../result/summary.ts';
import type { StoredRun } from '../statistics/sample.ts';
import { withShownBytes } from '../text/bytes.ts';
import { damaged } from './sqlite-errors.ts';
import {
  EXPERIMENT_KINDS,
  type ExperimentKind,
  type ExperimentStatus,
  type NewRun,
  type RunSummary,
  type StoredExperiment,
} from './types.ts';

export type StoreRow = Readonly<Record<string, SQLOutputValue>>;
/** The schema version that this kmem-run reads. */
const SCHEMA_VERSION = 1;

/** The columns of a run beside the result itself, which is stored whole. */
export function columnsOf({ result, experimentId, point = null, repeat = null, label = null }: NewRun) {
  return {
    id: result.id,
    experiment_id: experimentId,
    point,
    repeat,
    label,
    started_at: result.startedAt,
    command: withShownBytes(result.spec.command.join(' ')),
    outcome: result.outcome,
    kmem_limit: result.spec.limits.kmem,
    max_usage: result.kmem.maxUsage,
    failcnt: result.kmem.failcnt,
    first_failing: firstFailing(result),
    kernel: kernelOf(result),
    mode: result.enforcement.mode,
    layout: result.environment.cgroup,
    result: JSON.stringify(result),
  };
}

export const SUMMARY_COLUMNS = `id, experiment_id, point, repeat, label, started_at, substr(command, 1, 1000) AS command,
  outcome, kmem_limit, max_usage, failcnt, first_failing, kernel, mode, layout`;

export function summaryOf(row: StoreRow): RunSummary {
  return {
    id: String(row.id),
    ...placeOf(row),
    startedAt: String(row.started_at),
    command: String(row.command),
    outcome: row.outcome as Outcome,
    kmemLimit: numberOrNull(row.kmem_limit),
    maxUsage: numberOrNull(row.max_usage),
    failcnt: numberOrNull(row.failcnt),
    firstFailing: textOrNull(row.first_failing),
    kernel: String(row.kernel),
    mode: textOrNull(row.mode) as RunSummary['mode'],
    layout: textOrNull(row.layout) as RunSummary['layout'],
  };
}

/** @throws SetupError `store-damaged`, `result-newer`. */
export function runOf(row: StoreRow, file: string): StoredRun {
  const id = String(row.id);
  const result = parse(row.result, `the result of run ${id}`, file) as Result;
  const version: unknown = result?.schemaVersion;
  const isNone = typeof version !== 'number' || (version <= SCHEMA_VERSION && result.id !== id);
  if (isNone) throw damaged(file, `the saved data of run ${id} is not a result of that run`);
  if (version > SCHEMA_VERSION) {
    throw new SetupError(
      'result-newer',
      `run ${id} was saved by a newer kmem-run: its result uses schema version ${version}, and this kmem-run reads ${SCHEMA_VERSION}`,
      'use that version, or update this kmem-run',
    );
  }
  return { result, ...placeOf(row) };
}

export function experimentOf(row: StoreRow, file: string): StoredExperiment {
  const id = String(row.id);
  const read = (column: string) => parse(row[column], `the ${column} of experiment ${id}`, file);
  return {
    id,
    kind: kindOf(row, file),
    command: wordsOf(read('command'), `experiment ${id}`, file),
    spec: read('spec'),
    seed: numberOrNull(row.seed),
    startedAt: String(row.started_at),
    status: row.status as ExperimentStatus,
    summary: row.summary === null ? null : read('summary'),
    runs: Number(row.runs),
  };
}

function wordsOf(command: unknown, of: string, file: string): readonly string[] {
  if (Array.isArray(command) && command.every((word) => typeof word === 'string')) return command;
  throw damaged(file, `the command of ${of} is not a list of words`);
}

function kindOf({ kind, id }: StoreRow, file: string): ExperimentKind {
  const known = EXPERIMENT_KINDS.find((each) => each === kind);
  if (known === undefined) throw damaged(file, `experiment ${id} is of an unknown kind`);
  return known;
}

function placeOf(row: StoreRow) {
  return {
    experimentId: textOrNull(row.experiment_id),
    point: numberOrNull(row.point),
    repeat: numberOrNull(row.repeat),
    label: textOrNull(row.label),
  };
}

function parse(text: SQLOutputValue | undefined, what: string, file: string): unknown {
  try {
    return parseJson(String(text));
  } catch {
    throw damaged(file, `${what} cannot be read`);
  }
}

function numberOrNull(value: SQLOutputValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}

function textOrNull(value: SQLOutputValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
