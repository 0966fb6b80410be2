/**
 * The tables, as the steps that create them: step N takes a store of version N to version N + 1
 * (`PRAGMA user_version`). A released step is never changed; later changes are further steps, and
 * test/store/store-vN.sql has a store of each released version.
 */

/** `PRAGMA application_id` of a store, "kmem": distinguishes it from any other database. */
export const APPLICATION_ID = 0x6b6d656d;

const runsAndExperiments = `
  CREATE TABLE experiment (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    command    TEXT NOT NULL, -- JSON: the words
    spec       TEXT NOT NULL, -- JSON: what is needed to go on
    seed       INTEGER,
    started_at TEXT NOT NULL, -- ISO 8601, UTC
    status     TEXT NOT NULL,
    summary    TEXT           -- JSON
  ) STRICT;

  CREATE TABLE run (
    seq           INTEGER PRIMARY KEY, -- in the order in which they ended
    id            TEXT NOT NULL UNIQUE,
    experiment_id TEXT REFERENCES experiment (id),
    point         INTEGER,
    repeat        INTEGER,
    label         TEXT,
    started_at    TEXT NOT NULL,
    command       TEXT NOT NULL, -- the words with blanks between: to be shown and searched
    outcome       TEXT NOT NULL,
    kmem_limit    INTEGER,
    max_usage     INTEGER,
    failcnt       INTEGER,
    first_failing TEXT,
    kernel        TEXT NOT NULL,
    mode          TEXT,
    layout        TEXT,
    result        TEXT NOT NULL  -- JSON: the whole result
  ) STRICT;

  CREATE INDEX run_by_start ON run (started_at);
  CREATE INDEX run_by_experiment ON run (experiment_id) WHERE experiment_id IS NOT NULL;
  CREATE INDEX run_by_label ON run (label) WHERE label IS NOT NULL;

  PRAGMA application_id = ${APPLICATION_ID};
`;

export const migrations: readonly string[] = [runsAndExperiments];
