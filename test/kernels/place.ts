/** The test's own cache folder, apt configuration and functions that add kernels. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { SetupError } from '../../src/errors.ts';
import { type Added, type AddOptions, addKernel, type Way } from '../../src/kernels/add.ts';
import { write } from './parts.ts';

export type Place = Readonly<{
  folder: string;
  /** Where kernels are stored. */
  kernels: string;
  path: (...names: string[]) => string;
  /** The messages of the last add. */
  said: () => readonly string[];
  add: (name: string, way: Way, options?: Partial<AddOptions>) => Promise<Added>;
  /** The contents of the kernels folder, except the lock. */
  left: () => string[];
}>;

/** Sets XDG_CACHE_HOME and APT_CONFIG for this process until the test ends, so tests that use it are serial. */
export function makePlace(t: ExecutionContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-kernels-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = (...names: string[]): string => join(folder, ...names);
  mkdirSync(path('cache'), { mode: 0o700 });
  setEnvironment(t, {
    XDG_CACHE_HOME: path('cache'),
    APT_CONFIG: write(path('apt.conf'), 'Acquire::Retries "0";\nAcquire::http::Timeout "5";\n'),
    KMEM_RUN_KERNELS: undefined,
  });
  let said: string[] = [];
  const add = (name: string, way: Way, options: Partial<AddOptions> = {}): Promise<Added> => {
    said = [];
    const say = (text: string) => void said.push(text);
    return addKernel(name, { way, keyring: '/none', signal: undefined, say, onDownload: () => {}, ...options });
  };
  const kernels = path('cache', 'kmem-run', 'kernels');
  const left = () => readdirSync(kernels).filter((name) => name !== '.lock');
  return { folder, kernels, path, said: () => said, add, left };
}

export function setEnvironment(t: ExecutionContext, values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    t.teardown(() => put(name, before));
    put(name, value);
  }
}

function put(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** The error, which has a one-line hint. */
export async function refusal(t: ExecutionContext, work: Promise<unknown>, code: string): Promise<SetupError> {
  const error = await t.throwsAsync<SetupError>(work, { name: 'SetupError', code });
  t.regex(error?.hint ?? '', /^[^\n]+$/);
  t.notRegex(error?.message ?? '', /\n/);
  return error as SetupError;
}
