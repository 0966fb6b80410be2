/** kmem-run's main job: Debian's Apache, started, asked for a page and stopped, in one group under a limit. */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { makeHarness, type Ran } from '../harness.ts';
import { lenient, needs } from '../needs.ts';

const test = anyTest.serial;
const fixtures = join(import.meta.dirname, '..', 'fixtures');
const APACHECTL = '/usr/sbin/apachectl';

/**
 * How far below the peak of the stop the tight limit may be: enough for start and page with Debian's default
 * configuration, but not for stop, which loads all modules again. That peak differs between machines, and so does what
 * is denied at a limit: a shell that cannot fork prints "Cannot fork", one that cannot execute a file prints the
 * expected message.
 */
const BELOW_PEAK_KIB = Array.from({ length: 30 }, (_, index) => 16 + 4 * index);

test('start, page and stop pass under 4M, and nothing is denied', async (t) => {
  if (!needs(t, existsSync(APACHECTL), 'apache2')) return;
  const { cycle, assertNothingLeft } = makeSite(t, 18_081);
  const { status, result, stdout } = await cycle(['--kmem', '4M']);
  t.is(status, 0);
  t.regex(stdout, /HTTP\/1\.1 200/);
  t.is(result?.outcome, 'passed');
  t.deepEqual(
    result?.steps.map(({ exit }) => exit.code),
    [0, 0, 0],
  );
  t.is(result?.kmem.failcnt, 0);
  t.true((result?.enforcement.gatedCalls ?? 0) > 1000);
  assertNothingLeft();
});

test('under a tight limit the stop fails for lack of memory, and an expectation can require that', async (t) => {
  if (!needs(t, existsSync(APACHECTL), 'apache2')) return;
  const { cycle, assertNothingLeft } = makeSite(t, 18_082);
  const expected = ['--expect', 'steps[2].exit!=0', '--expect', 'failcnt>0'];
  const generous = await cycle(['--kmem', '16M']);
  const peakKib = (generous.result?.steps[2]?.kmemMaxUsage ?? 0) / 1024;
  t.true(peakKib > 1024);
  const seen: Ran[] = [];
  for (const below of BELOW_PEAK_KIB)
    if (!seen.some(isExplained)) seen.push(await cycle(['--kmem', `${peakKib - below}K`, ...expected]));
  t.log(
    `stop peaks at ${peakKib} KiB`,
    seen.map(({ result }) => `${(result?.limits.kmem ?? 0) / 1024}K: ${result?.steps.map(({ exit }) => exit.code)}`),
  );
  const told = seen.find(isExplained);
  t.truthy(told, seen.map(({ stderr, stdout }) => stdout + stderr).join('\n---\n'));
  t.is(told?.result?.steps[0]?.exit.code, 0);
  t.is(told?.result?.steps[1]?.exit.code, 0);
  t.not(told?.result?.steps[2]?.exit.code, 0);
  t.is(told?.result?.outcome, 'passed');
  t.is(told?.result?.enforcement.mode, 'gate');
  t.true((told?.result?.kmem.overshoot ?? Number.POSITIVE_INFINITY) <= 64 * 1024);
  assertNothingLeft();
});

function isExplained({ status, stderr, result }: Ran): boolean {
  const ofTheStop = result?.failures.filter(({ step, errno }) => step === 2 && errno === 'ENOMEM') ?? [];
  const [start, page] = result?.steps ?? [];
  if (start?.exit.code !== 0 || page?.exit.code !== 0) return false;
  return status === 0 && /Cannot allocate memory/.test(stderr) && ofTheStop.length > 0;
}

function makeSite(t: ExecutionContext, port: number) {
  const harness = makeHarness(t);
  const site = harness.path('site');
  const variables = execFileSync('sh', [join(fixtures, 'apache.sh'), site, String(port)], { encoding: 'utf8' });
  const env = variables
    .trim()
    .split('\n')
    .flatMap((variable) => ['--env', variable]);
  const steps = ['--then', `exec bash ${join(fixtures, 'get.sh')} ${port}`, '--then', 'exec apachectl stop'];
  const cycle = (options: readonly string[]) =>
    harness.run(['--cpus', '0', '--timeout', lenient(40), ...options, ...env, ...steps, '--', APACHECTL, 'start']);
  return { cycle, assertNothingLeft: harness.assertNothingLeft };
}
