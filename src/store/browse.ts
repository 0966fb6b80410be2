/**
 * A page of saved results, runs and experiments together, searched and sorted by SQLite: a store may hold a million.
 */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Outcome } from '../result/schema.ts';
import type { StoreRow } from './columns.ts';
import type { Browsed, BrowsedExperiment, BrowsedRun, BrowseQuery, ExperimentKind, ExperimentStatus } from './types.ts';

const COMMAND_LENGTH = 1000;

/** The words of an experiment's command, as shown; damaged JSON stays as it is, so that the rest can be listed. */
export const WORDS = `CASE WHEN json_valid(command) THEN (SELECT group_concat(value, ' ') FROM json_each(command)) ELSE command END`;

const RUNS = `SELECT 'run' AS entry, id, started_at AS started, substr(command, 1, ${COMMAND_LENGTH}) AS command, outcome AS state,
  kmem_limit AS "limit", max_usage AS peak, failcnt, label, first_failing, NULL AS kind, NULL AS runs FROM run`;
const EXPERIMENTS = `SELECT 'experiment' AS entry, id, started_at AS started,
  substr(${WORDS}, 1, ${COMMAND_LENGTH}) AS command, status AS state,
  NULL AS "limit", NULL AS peak, NULL AS failcnt, NULL AS label, NULL AS first_failing, kind,
  (SELECT count(*) FROM run WHERE experiment_id = experiment.id) AS runs FROM experiment`;

export function browse(database: DatabaseSync, query: BrowseQuery): Browsed {
  const { sources, values } = sourcesOf(query);
  if (sources.length === 0) return { entries: [], total: 0 };
  const found = sources.join(' UNION ALL ');
  const total = Number(database.prepare(`SELECT count(*) AS value FROM (${found})`).get(...values)?.value);
  // Unknown values come last in either direction; the id makes the order total.
  const way = query.descending ? 'DESC' : 'ASC';
  const order = `"${query.sort}" IS NULL, "${query.sort}" ${way}, started ${way}, id ${way}`;
  const rows = database
    .prepare(`SELECT * FROM (${found}) ORDER BY ${order} LIMIT ? OFFSET ?`)
    .all(...values, query.limit, query.offset);
  return { entries: rows.map(entryOf), total };
}

type Condition = readonly [condition: string, ...values: SQLInputValue[]];

function sourcesOf(query: BrowseQuery) {
  const { kind, text, outcome, label, experimentId } = query;
  const words = text ?? '';
  // LIKE would treat % and _ as wildcards.
  const found: Condition[] =
    text === null ? [] : [['(instr(command, ?) > 0 OR substr(id, 1, length(?)) = ?)', words, words, words]];
  const foundRun: Condition[] =
    text === null
      ? []
      : [
          [
            "(instr(command, ?) > 0 OR instr(coalesce(label, ''), ?) > 0 OR substr(id, 1, length(?)) = ?)",
            words,
            words,
            words,
            words,
          ],
        ];
  const ofRuns: Condition[] = [
    experimentId === null ? ['experiment_id IS NULL'] : ['experiment_id = ?', experimentId],
    ...foundRun,
    ...(outcome === null ? [] : [['outcome = ?', outcome] as const]),
    ...(label === null ? [] : [['label = ?', label] as const]),
  ];
  const ofExperiments: Condition[] = [...found, ...(kind === null ? [] : [['kind = ?', kind] as const])];
  const hasRuns = experimentId !== null || kind === null || kind === 'run';
  const hasExperiments = experimentId === null && kind !== 'run' && outcome === null && label === null;
  const parts: (readonly [string, readonly Condition[]])[] = [
    ...(hasRuns ? [[RUNS, ofRuns] as const] : []),
    ...(hasExperiments ? [[`SELECT * FROM (${EXPERIMENTS})`, ofExperiments] as const] : []),
  ];
  return {
    sources: parts.map(
      ([select, conditions]) => `${select} WHERE ${conditions.map(([text]) => text).join(' AND ') || 'TRUE'}`,
    ),
    values: parts.flatMap(([, conditions]) => conditions.flatMap(([, ...values]) => values)),
  };
}

function entryOf(row: StoreRow): BrowsedRun | BrowsedExperiment {
  const about = { id: String(row.id), startedAt: String(row.started), command: String(row.command ?? '') };
  if (row.entry === 'experiment') {
    return {
      entry: 'experiment',
      ...about,
      kind: row.kind as ExperimentKind,
      status: row.state as ExperimentStatus,
      runs: Number(row.runs),
    };
  }
  const number = (column: string) => (typeof row[column] === 'number' ? Number(row[column]) : null);
  const text = (column: string) => (typeof row[column] === 'string' ? String(row[column]) : null);
  return {
    entry: 'run',
    ...about,
    outcome: row.state as Outcome,
    kmemLimit: number('limit'),
    maxUsage: number('peak'),
    failcnt: number('failcnt'),
    label: text('label'),
    firstFailing: text('first_failing'),
  };
}
