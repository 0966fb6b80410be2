/** Programs of the group that run while the plan continues. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { SetupError } from '../../src/errors.ts';
import { run } from '../../src/run/index.ts';
import { lenient } from '../needs.ts';
import { made } from './made.ts';

const LOOP = 'while :; do sleep 0.05; done';
/** Reports that it is up, and the signals it gets. */
const server = `trap 'echo hup >> heard' HUP; trap 'echo term >> heard; exit 0' TERM; touch up; ${LOOP}`;
const background = { background: true, ready: { file: 'up', within: lenient(20) } } as const;

test('the plan continues alongside a ready server, which can be signalled and ends with the plan', async (t) => {
  const { result, cwd } = await made(t, [
    { name: 'server', run: server, ...background },
    { run: 'cat /proc/self/cgroup; test ! -e heard', name: 'beside', expect: ['exit==0', 'stdout~kmem-run.'] },
    { signal: 'HUP', to: { step: 'server' } },
    { wait: { log: '^hup', file: 'heard', within: lenient(20) } },
    { run: 'true' },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(readFileSync(join(cwd, 'heard'), 'utf8'), 'hup\nterm\n');
  const [first, beside] = result.steps;
  t.like(first, { background: true, stopped: true, error: null, exit: { code: 0, signal: null } });
  t.true((first?.readyMs ?? -1) > 0);
  t.true((first?.wallMs ?? 0) > (beside?.atMs ?? 0) + (beside?.wallMs ?? 0), 'it ran until the end of the plan');
  t.true(
    (first?.kmemMaxUsage ?? 0) >= (beside?.kmemMaxUsage ?? Number.POSITIVE_INFINITY),
    'the highest of all its time',
  );
  t.deepEqual(result.leftover, []);
});

test('a step that ignores SIGTERM is killed after the grace period, with its children, and fails', async (t) => {
  const deaf = `trap '' TERM; (${LOOP}) & touch up; ${LOOP}`;
  const { result } = await made(t, [{ name: 'deaf', run: deaf, ...background }, { run: 'true' }], { grace: 200 });
  t.is(result.outcome, 'failed', JSON.stringify(result.steps));
  const error = 'it did not end within 200 ms of SIGTERM, and was killed';
  t.like(result.steps[0], { stopped: true, exit: { code: null, signal: 'SIGKILL' }, error });
  t.deepEqual(result.leftover, []);
});

test('a step that ends by itself is judged by its exit and can be waited for', async (t) => {
  const ends = (code: number) => `while [ ! -e go ]; do sleep 0.02; done; exit ${code}`;
  const plan = (code: number, expect: string[] = []) => [
    { name: 'job', run: ends(code), background: true, expect },
    { run: 'touch go' },
    { wait: { step: 'job', within: lenient(20) } },
  ];
  const well = await made(t, plan(0));
  t.is(well.result.outcome, 'passed', JSON.stringify(well.result.steps));
  t.like(well.result.steps[0], { stopped: false, exit: { code: 0, signal: null } });
  const badly = await made(t, plan(3));
  t.is(badly.result.outcome, 'failed');
  t.is((await made(t, plan(3, ['exit==3']))).result.outcome, 'passed');
  const slow = await made(t, [
    { name: 'job', run: LOOP, background: true },
    { wait: { step: 'job', within: 50 }, expect: 'error~/^job is still running/' },
  ]);
  t.is(slow.result.outcome, 'passed', JSON.stringify(slow.result.steps));
});

test('an expectation of its exit decides, even if it is ended with the plan', async (t) => {
  const plan = (expect: string) => [{ run: server, ...background, expect }, { run: 'true' }];
  t.is((await made(t, plan('exit==0'))).result.outcome, 'passed');
  t.is((await made(t, plan('exit==143'))).result.outcome, 'expectation');
});

test('a background step has its own timeout', async (t) => {
  const { result } = await made(t, [
    { name: 'late', run: 'sleep 99; true', background: true, timeout: 100, expect: 'exit==124' },
    { wait: { step: 'late', within: lenient(20) } },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
});

test('several steps run at once, and each denial is reported for its step', async (t) => {
  const forks = 'i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; wait';
  const { result } = await made(
    t,
    [
      { name: 'first', run: `touch up; ${LOOP}`, ...background },
      { name: 'greedy', run: `${forks}`, background: true, expect: ['failcnt>0', 'exit!=0'] },
      { wait: { step: 'greedy', within: lenient(30) } },
      { name: 'after', run: 'exec true', expect: ['exit!=99'] },
      { signal: 'KILL' },
    ],
    { kmem: '1M' },
  );
  const [first, greedy, , after] = result.steps;
  t.true((greedy?.failcnt ?? 0) > 0, JSON.stringify(result.steps));
  const of = (index: number) => result.failures.filter(({ step }) => step === index).length;
  t.is(of(1), greedy?.failcnt ?? -1);
  t.is(of(0), first?.failcnt ?? -1);
  t.is(of(3), after?.failcnt ?? -1);
  t.is((first?.failcnt ?? 0) + (greedy?.failcnt ?? 0) + (after?.failcnt ?? 0), result.kmem.failcnt ?? -1);
});

test('a denial is attributed to the step its process comes from, even if its parents have ended', async (t) => {
  const opener =
    'open P, "+<", "pipe"; $| = 1; print "up\\n"; while (<P>) { print open(F, "/etc/hostname") ? "opened\\n" : "refused $_" }';
  const { result } = await made(
    t,
    [
      { run: 'mkfifo pipe' },
      {
        name: 'server',
        run: `(perl -e '${opener}' &); exec sleep 1000`,
        background: true,
        ready: { log: '^up', within: lenient(20) },
        expect: 'exit==137',
      },
      { name: 'bystander', run: ['sleep', '1000'], background: true },
      // Their loaders must have finished by then, or they are refused instead.
      { wait: lenient(0.5) },
      { limits: { kmem: '64K' } },
      { run: 'echo one > pipe', outside: true },
      { wait: { log: '^refused one', within: lenient(20) } },
      { signal: 'KILL', to: { step: 'server' } },
      { wait: { step: 'server', within: lenient(20) } },
      // From a step that has ended: reported for the running step.
      { run: 'echo two > pipe', outside: true },
      { wait: { log: '^refused two', within: lenient(20) } },
    ],
    { kmem: '64M' },
  );
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.deepEqual(
    result.failures.map(({ step }) => step),
    [1, 2],
  );
  t.is(result.steps[1]?.failcnt, 1);
  t.is(result.steps[2]?.failcnt, 1);
});

test('the address of a call begins with its step', async (t) => {
  const { result, cwd } = await made(
    t,
    [
      { name: 'server', run: `touch up; ${LOOP}`, ...background },
      { run: 'cat /etc/hostname > copy', expect: 'exit!=99' },
    ],
    { inject: ['1/1'] },
  );
  t.deepEqual(
    result.failures.map(({ step, address }) => [step, address?.split('/')[0]]),
    [[1, '1']],
  );
  t.true(existsSync(join(cwd, 'up')));
});

test('a missing command is reported as for any other step', async (t) => {
  const plan = [{ run: 'true' }, { run: ['./absent'], background: true }, { run: 'touch after' }];
  const error = await t.throwsAsync(() => run({ plan, timeout: '50s' }), { instanceOf: SetupError });
  t.is((error as SetupError).code, 'command-not-found');
});

test('the run’s timeout ends it too', async (t) => {
  const plan = [{ run: server, ...background }, { run: 'sleep 98' }];
  const { result } = await made(t, plan, { timeout: '1s', grace: '1s' });
  t.is(result.outcome, 'timeout');
  t.deepEqual(result.leftover, []);
});

test('a limit that prevents its start is reported as its result', async (t) => {
  const plan = [{ name: 'server', run: server, background: true, expect: ['exit==126', 'failcnt>0'] }];
  const { result } = await made(t, plan, { kmem: '16K', reserve: 0 });
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(result.failures[0]?.step, 0);
});

test('each denial is attributed to one step, and the steps’ denials add up to the run’s', async (t) => {
  const forks = '(i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done); true';
  const { result } = await made(
    t,
    [
      { name: 'server', run: `${forks}; ${server}`, ...background },
      { run: forks },
      { signal: 'HUP', to: { step: 'server' } },
      { run: forks },
      { wait: '50ms' },
    ],
    { kmem: '1M' },
  );
  const counts = result.steps.map(({ failcnt }) => failcnt ?? 0);
  t.true((result.kmem.failcnt ?? 0) >= 3, JSON.stringify(counts));
  t.is(
    counts.reduce((sum, count) => sum + count, 0),
    result.kmem.failcnt ?? -1,
    JSON.stringify(counts),
  );
});
