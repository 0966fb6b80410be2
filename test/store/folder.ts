/** The test's own stores. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openStore } from '../../src/store/store.ts';
import type { NewExperiment, Store } from '../../src/store/types.ts';
import { result } from '../fixtures/results.ts';

export function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-store-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function makeStore(t: ExecutionContext): Store {
  const store = openStore(join(makeFolder(t), 'store.sqlite'));
  t.teardown(() => {
    try {
      store.close();
    } catch {
      // The test has closed it.
    }
  });
  return store;
}

/** Standalone runs with these ids, a second apart. */
export function saveRuns(store: Store, ...ids: string[]): void {
  for (const [index, id] of ids.entries()) {
    store.saveRun({ result: result({ id, startedAt: timeOf(index) }), experimentId: null });
  }
}

export function timeOf(second: number): string {
  return new Date(Date.UTC(2025, 0, 2, 3, 4, 5 + second)).toISOString();
}

export function experiment(changes: Partial<NewExperiment> = {}): NewExperiment {
  return {
    id: 'sweep1',
    kind: 'sweep',
    command: ['apachectl', 'start'],
    spec: { points: [1, 2, 3] },
    seed: 42,
    startedAt: timeOf(0),
    status: 'running',
    ...changes,
  };
}
