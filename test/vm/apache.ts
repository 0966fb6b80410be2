/**
 * Debian's Apache, started, asked for a page and stopped, in one group: shared by tests of the host and of microVMs.
 */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { makeHarness, type Ran } from '../harness.ts';

export const APACHECTL = '/usr/sbin/apachectl';
export const fixtures = join(import.meta.dirname, '..', 'fixtures');
/** Emulated, on a possibly busy machine. */
export const TIMEOUT = { timeout: 150_000 };

export type Site = Readonly<{
  cycle: (options: readonly string[]) => Promise<Ran>;
  assertNothingLeft: () => void;
}>;

export function makeSite(t: ExecutionContext, port: number, where: readonly string[]): Site {
  const harness = makeHarness(t);
  const env = siteVariables(harness.path('site'), port).flatMap((variable) => ['--env', variable]);
  const steps = ['--then', `exec bash ${join(fixtures, 'get.sh')} ${port}`, '--then', 'exec apachectl stop'];
  const common = [...where, '--cpus', '0', '--timeout', '90s'];
  const cycle = (options: readonly string[]) =>
    harness.run([...common, ...options, ...env, ...steps, '--', APACHECTL, 'start'], TIMEOUT);
  return { cycle, assertNothingLeft: harness.assertNothingLeft };
}

export function siteVariables(site: string, port: number): string[] {
  return execFileSync('sh', [join(fixtures, 'apache.sh'), site, String(port)], { encoding: 'utf8' })
    .trim()
    .split('\n');
}
