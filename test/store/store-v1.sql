-- A store of version 1, as kmem-run 0.1.0 made it.
BEGIN TRANSACTION;
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
INSERT INTO "experiment" VALUES('sweep1','sweep','["apachectl","start"]','{"points":[1]}',42,'2025-01-02T03:04:05.000Z','done','{"limit":2637824}');
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
INSERT INTO "run" VALUES(1,'20250102-030405-abcdef','sweep1',0,0,'before','2025-01-02T03:04:05.678Z','apachectl start','passed',4194304,2637824,0,NULL,'6.18.5','gate','hybrid','{"schemaVersion":1,"id":"20250102-030405-abcdef","startedAt":"2025-01-02T03:04:05.678Z","spec":{"command":["apachectl","start"],"then":[],"limits":{"kmem":4194304,"mem":null,"memsw":null,"kmemTcp":null,"pids":null},"enforce":"auto","kernel":null,"vm":null,"cgroup":"auto","parent":null,"reserve":null,"errno":"native","reclaim":false,"allowIoUring":false,"onOverrun":"note","traceGate":null,"timeoutMs":30000,"graceMs":2000,"holdMs":0,"wait":"exit","expect":[],"cpus":[0],"aslr":false,"user":null,"cwd":"/root","env":{"APACHE_STARTED_BY_SYSTEMD":"1"},"clearEnv":false,"output":"inherit","sampleMs":50,"seed":null,"inject":[]},"outcome":"passed","terminationReason":null,"error":null,"exit":{"code":0,"signal":null},"durations":{"wallMs":412.1,"userMs":30.2,"systemMs":18.7},"limits":{"kmem":4194304,"mem":null,"memsw":null,"kmemTcp":null,"pids":null,"ancestors":[]},"kmem":{"maxUsage":2637824,"maxUsageSource":"counter","usage":20480,"failcnt":0,"overshoot":0,"uncertainty":0,"parts":null},"mem":{"maxUsage":5853184,"usage":4096,"failcnt":0,"oomKills":0},"memsw":null,"kmemTcp":{"maxUsage":0,"usage":0,"failcnt":0},"pids":{"max":12,"failcnt":0},"enforcement":{"mode":"gate","granularity":"syscall","reserve":16384,"gatedCalls":1234,"reclaims":0,"failuresDropped":0,"failuresUncounted":0,"notes":["the gate fails whole system calls: memory charged by page faults, or by the rest of a call that it let through, is measured and not stopped"],"vm":null},"failures":[],"failureCounts":[],"steps":[{"command":"apachectl start","exit":{"code":0,"signal":null},"atMs":0,"wallMs":412.1,"failcnt":0,"kmemMaxUsage":2637824}],"leftover":[],"expectations":[],"samples":[{"atMs":50.1,"kmem":880640,"mem":1200128,"processes":3,"rss":5000000,"cpuPercent":41.5}],"warnings":[],"environment":{"kernel":"6.18.5","cgroup":"hybrid","cpus":2,"memTotal":4294967296,"swapTotal":0,"aslr":false,"cold":true,"kmemRun":"0.1.0","node":"24.21.0"}}');
CREATE INDEX run_by_start ON run (started_at);
CREATE INDEX run_by_experiment ON run (experiment_id) WHERE experiment_id IS NOT NULL;
CREATE INDEX run_by_label ON run (label) WHERE label IS NOT NULL;
COMMIT;
PRAGMA application_id = 1802331501;
PRAGMA user_version = 1;
