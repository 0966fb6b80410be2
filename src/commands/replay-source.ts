/** The source of a run to replay: a file, the store, or a token. */

import { SetupError } from '../errors.ts';
import { isFile, readJsonInput } from '../host/read-input.ts';
import type { Result } from '../result/schema.ts';
import { type Recorded, recordedOf } from '../statistics/recorded.ts';
import { asPresentResult, presentResult } from '../store/read-result.ts';
import { isToken, readToken } from '../store/token.ts';
import type { Store } from '../store/types.ts';
import { quote } from '../text/quote.ts';
import { withStore } from './stored.ts';

/**
 * A word that begins like a token is one; a path (with `/`, or to an existing `.json` file) is a file; otherwise it is
 * a name in the store, or a file if the store has no such name.
 * @throws SetupError `bad-token`, `old-token`, `not-a-result`, `cannot-replay`, and those of the store.
 */
export async function findRecorded(word: string, storeFile: string | null): Promise<Recorded> {
  if (isToken(word)) return readToken(word);
  if (isFile(word) && /[/]|\.json$/.test(word)) return fromFile(word);
  try {
    return await withStore(storeFile, (store) => fromStore(store, word));
  } catch (error) {
    const isUnknown = error instanceof SetupError && error.code === 'no-such-run';
    if (isUnknown && isFile(word)) return fromFile(word);
    if (!isUnknown || !word.includes('/')) throw error;
    throw new SetupError('not-a-result', `no such file: ${quote(word)}`, 'name a file written with kmem-run --json');
  }
}

function fromStore(store: Store, word: string): Recorded {
  const { result, experimentId } = store.run(word);
  const spec = experimentId === null ? null : store.experiment(experimentId).spec;
  return replayable(asPresentResult(result), prepareIn(spec));
}

/** What the experiment ran before each run; a later version's experiment may record it elsewhere. */
function prepareIn(spec: unknown): string | null {
  const prepare = (spec as { question?: { prepare?: unknown } } | null)?.question?.prepare;
  return typeof prepare === 'string' ? prepare : null;
}

function fromFile(file: string): Recorded {
  const content = parse(file);
  // What `export` prints of one run, and what --json writes.
  const [only, ...others] = Array.isArray(content) ? content : [content];
  if (others.length > 0)
    throw notAResult(file, `it contains ${others.length + 1} runs`, 'export only the run to replay');
  const kind: unknown = only?.kind;
  if (typeof kind === 'string' && only?.spec === undefined) {
    const hint = `kmem-run history --experiment ${String(only.id)} lists its runs: replay one of these`;
    throw notAResult(file, `it is the report of a ${kind}, which consists of many runs`, hint);
  }
  return replayable(resultIn(file, only?.result ?? only), null);
}

function resultIn(file: string, kept: unknown): Result {
  const version = (kept as { schemaVersion?: unknown } | null)?.schemaVersion;
  const { result, flaw } = presentResult(kept);
  if (version === 1 && flaw === null) return result;
  const reason = version === 1 ? `${flaw}` : 'its schemaVersion is not 1';
  throw notAResult(file, reason, 'name a file written with kmem-run --json');
}

/** The result of a disturbed run is no basis for a comparison. */
function replayable(result: Result, prepare: string | null): Recorded {
  const { outcome, id } = result;
  if (outcome !== 'setup-error' && outcome !== 'interrupted') return recordedOf(result, prepare);
  const reason = outcome === 'interrupted' ? 'was interrupted' : 'could not be run, or is void';
  throw new SetupError(
    'cannot-replay',
    `run ${id} cannot be replayed: it ${reason}`,
    'run its command again with kmem-run run',
  );
}

/** For a plan without a template only the steps of that one run are known. @throws SetupError `cannot-replay`. */
export function refuseFilledIn({ id, input }: Recorded): void {
  if (!('plan' in input) || input.template !== undefined) return;
  throw new SetupError(
    'cannot-replay',
    `run ${id} cannot be replayed: its steps name a folder and ports that no longer exist`,
    'replay a run of a scenario with the steps in its file: kmem-run replay --scenario NAME RUN',
  );
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the file holds; looked at key by key.
function parse(file: string): any {
  return readJsonInput(file, { code: 'not-a-result', hint: 'name a file written with kmem-run --json' });
}

function notAResult(file: string, reason: string, hint: string): SetupError {
  return new SetupError('not-a-result', `${quote(file)} is not the result of a run: ${reason}`, hint);
}
