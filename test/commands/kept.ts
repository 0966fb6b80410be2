/** kmem-run with the test's own store. */

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/types.ts';
import { type Harness, makeHarness, type Ran, type Start } from '../harness.ts';
import { makeFolder } from '../store/folder.ts';

export type Kept = Harness &
  Readonly<{
    /** The user's own store. */
    file: string;
    /** Runs kmem-run to its end, with words before. */
    kmemRun: (args: readonly string[], start?: Start) => Promise<Ran>;
    fill: (work: (store: Store) => void) => void;
  }>;

export function makeKept(t: ExecutionContext): Kept {
  const harness = makeHarness(t);
  // Not the harness's folder, which everybody may write to: no results are saved there.
  const state = makeFolder(t);
  const file = join(state, 'kmem-run', 'store.sqlite');
  return {
    ...harness,
    file,
    kmemRun: (args, start = {}) =>
      harness.run(args, { json: false, ...start, env: { XDG_STATE_HOME: state, TZ: 'UTC', ...start.env } }),
    fill: (work) => {
      process.env.XDG_STATE_HOME = state;
      const store = openStore(null);
      if (store.file !== file) throw new Error(`a store outside of the test: ${store.file}`);
      work(store);
      store.close();
    },
  };
}

/** Asserts an empty stderr and this status. */
export function assertAnswered(t: ExecutionContext, { status, stderr }: Ran, expected = 0): void {
  t.deepEqual({ status, stderr }, { status: expected, stderr: '' });
}
