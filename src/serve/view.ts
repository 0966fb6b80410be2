/** A store that is looked at for long: it may be moved away, made anew, or written by a newer kmem-run meanwhile. */

import { statSync } from 'node:fs';
import { openStore } from '../store/store.ts';
import type { Store } from '../store/types.ts';

export type View = Readonly<{
  file: string;
  use: <T>(work: (store: Store) => T) => T;
  /** Another text whenever the store has changed. */
  changes: () => string;
  close: () => void;
}>;

/** Throws SetupError as openStore() does, `no-store` also for the user's own. */
export function viewStore(file: string | null): View {
  let store = openStore(file, 'look');
  const path = store.file;
  let identity = identityOf(path);
  let openings = 0;
  const present = (): Store => {
    const now = identityOf(path);
    if (now === identity) return store;
    const fresh = openStore(file, 'look');
    store.close();
    store = fresh;
    identity = now;
    openings += 1;
    return store;
  };
  return {
    file: path,
    use: (work) => work(present()),
    changes: () => {
      const changes = present().changes();
      return `${openings}.${changes}`;
    },
    close: () => store.close(),
  };
}

function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.dev}.${found.ino}`;
}
