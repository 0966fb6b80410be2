import test from 'ava';
import { headline } from '../../src/result/headline.ts';
import type { Result } from '../../src/result/schema.ts';
import { apacheStopFails, expectation, result, step, storm } from '../fixtures/results.ts';

test('the first line says what happened', (t) => {
  const denied = apacheStopFails();
  t.is(
    headline({ ...denied, outcome: 'failed', expectations: [] }),
    'apachectl stop failed with exit status 1 after the gate denied apache2 4 allocations',
  );
  t.is(
    headline({ ...denied, outcome: 'passed', expectations: [] }),
    'passed, although the gate denied apache2 4 allocations: kernel memory peaked at 2.52 MiB of 2.5 MiB',
  );

  const crashed = [step('sleep 1', { exit: { code: null, signal: 'SIGSEGV' }, failcnt: 1, wallMs: 200 })];
  t.is(
    headline(result({ outcome: 'signaled', steps: crashed, kmem: { failcnt: 1 } })),
    'sleep 1 was killed by SIGSEGV after the gate denied it 1 allocation',
  );
  t.is(
    headline(result({ outcome: 'signaled', steps: [{ ...crashed[0], failcnt: 0 } as never] })),
    'sleep 1 was killed by SIGSEGV after 200 ms, though no allocation was denied',
  );
  t.is(
    headline(
      result({
        outcome: 'failed',
        steps: [step('false', { exit: { code: 1, signal: null }, wallMs: 3 })],
        limits: { kmem: null },
      }),
    ),
    'false failed with exit status 1 after 3 ms',
  );
  t.is(
    headline(
      result({
        outcome: 'failed',
        kmem: { failcnt: 2 },
        steps: [step('a', { failcnt: 2 }), step('b', { exit: { code: 1, signal: null }, wallMs: 3 })],
      }),
    ),
    'b failed with exit status 1 after 3 ms; the gate denied 2 allocations in all',
  );
});

test('calls interrupted by a signal may explain a failed command', (t) => {
  const steps = [step('dash x.sh', { exit: { code: 2, signal: null }, wallMs: 200 })];
  const enforcement = { interrupted: 3 };
  t.is(
    headline(result({ outcome: 'failed', steps, enforcement })),
    'dash x.sh failed with exit status 2 after 200 ms; signals interrupted 3 calls at the gate, which may have failed with EINTR',
  );
  t.notRegex(headline(result({ outcome: 'passed', enforcement })), /EINTR/);
});

test('names who was denied and which daemon died', (t) => {
  const counted = (...names: string[]) => names.map((comm) => ({ comm, syscall: 'mmap', errno: 'ENOMEM', count: 1 }));
  const line = (names: readonly string[], orphans: Result['orphans'] = []) =>
    headline(
      result({
        steps: [step('/usr/sbin/apachectl start', { failcnt: 2 })],
        failureCounts: counted(...names),
        kmem: { failcnt: names.length },
        orphans,
      }),
    );
  t.regex(line(['apachectl', 'apachectl']), /^passed, although the gate denied it 2 allocations: /);
  t.regex(line(['apachectl', 'apache2']), /^passed, although the gate denied apachectl and apache2 2 allocations: /);
  t.regex(line(['a', 'b', 'c', 'd', 'e']), / denied a, b, c and 2 others 5 allocations: /);
  const died = { atMs: 12, pid: 214, comm: 'apache2', exit: { code: 1, signal: null } };
  t.regex(line(['apache2'], [died]), / denied apache2 1 allocation, and apache2 \(214\) exited with 1: /);
  t.regex(line([], [died]), /^passed: /, 'with nothing denied, a status other than 0 may be ordinary');
  const killed = { ...died, comm: null, exit: { code: null, signal: 'SIGSEGV' } };
  t.regex(
    line([], [killed, killed]),
    /^passed, although a process \(214\) died of SIGSEGV \(and 1 other process died\): /,
  );
});

test('reports a server that was never ready or did not stop', (t) => {
  const error = 'not ready: nothing listens on 127.0.0.1:80 after 10 s';
  const server = step('node server.js', { stopped: true, exit: { code: null, signal: 'SIGTERM' }, error });
  const failed = result({ outcome: 'failed', steps: [server, step('curl', { kind: 'outside' })] });
  t.is(headline(failed), `node server.js: ${error}`);
  const stopped = { ...server, error: null };
  const client = step('curl', { kind: 'outside', exit: { code: 7, signal: null }, wallMs: 3, failcnt: null });
  t.regex(
    headline(result({ outcome: 'failed', steps: [stopped, client] })),
    /^curl failed with exit status 7 after 3 ms/,
  );
});

test('the first line says why a run was ended', (t) => {
  t.is(headline(storm()), 'timed out after 30 s; the gate denied 1,000,020 allocations');
  const steps = [step('a'), step('b')];
  t.is(
    headline(result({ outcome: 'timeout', terminationReason: 'walltime', steps })),
    'timed out after 30 s in step 1 (b)',
  );
  t.is(
    headline(result({ outcome: 'timeout', terminationReason: 'livelock', durations: { wallMs: 5000 } })),
    'ended after 5 s: livelocked at the limit',
  );
  t.is(headline(result({ outcome: 'interrupted', terminationReason: 'interrupted' })), 'interrupted after 412.1 ms');
  t.is(
    headline(result({ outcome: 'oom', terminationReason: 'overrun' })),
    'ended after 412.1 ms: kernel memory kept rising above its limit (kernel memory peaked at 2.52 MiB of 4 MiB)',
  );
  t.is(
    headline(result({ outcome: 'oom', mem: { oomKills: 2 }, limits: { mem: 8_388_608 } })),
    'the OOM killer killed 2 processes at the memory limit of 8 MiB',
  );
  const timed = [step('start'), { ...step('page'), atMs: 500 }, { ...step('stop'), atMs: 900 }];
  t.is(
    headline(result({ outcome: 'oom', mem: { oomKills: 1, oomKillAtMs: 700 }, steps: timed })),
    'the OOM killer killed 1 process after 700 ms in step 1 (page)',
  );
  t.is(
    headline(result({ outcome: 'setup-error', terminationReason: 'gate-lost' })),
    'the result is void: the gate died after 412.1 ms',
  );
});

test('names the failed expectation', (t) => {
  const broken = expectation('failcnt==0', { passed: false, actual: 12 });
  t.is(
    headline(result({ outcome: 'expectation', expectations: [broken, expectation('exit==0', { implicit: true })] })),
    '1 of 2 expectations does not hold: failcnt==0 (it is 12)',
  );
  t.is(
    headline(result({ outcome: 'expectation', expectations: [broken, { ...broken, actual: null }] })),
    '2 of 2 expectations do not hold: failcnt==0 (it is 12), and 1 more',
  );
});

test('the first line names every limit that was hit', (t) => {
  const mem = { ...result().mem, oomKills: 2 };
  const timedOut = { outcome: 'timeout', terminationReason: 'walltime', mem } as const;
  t.regex(headline(result(timedOut)), /^timed out.*; the OOM killer killed 2 processes of the group$/);
  t.regex(headline(result({ pids: { max: 3, failcnt: 1 } })), /; --pids refused 1 fork or thread$/);
  t.regex(
    headline(result({ kmemTcp: { maxUsage: 9, usage: 0, failcnt: 4 } })),
    /; TCP buffers reached --kmem-tcp 4 times$/,
  );
  t.notRegex(headline(result()), /;/);
  t.regex(headline(result({ outcome: 'oom', mem })), /^the OOM killer killed 2 processes[^;]*$/);
});
