import { constants } from 'node:os';
import test from 'ava';
import { type Bench, type BenchRun, type ListenerProbe, openBench } from '../../src/doctor/bench.ts';
import type { Check } from '../../src/doctor/check.ts';
import { gate, listener, privileges, wakeUp } from '../../src/doctor/gate.ts';
import { counter, randomisation, start } from '../../src/doctor/group.ts';
import { remedyOf } from '../../src/doctor/remedies.ts';
import { SetupError } from '../../src/errors.ts';
import type { Result } from '../../src/result/schema.ts';
import { setupErrorOf } from '../../src/run/setup-errors.ts';
import { result, step } from '../fixtures/results.ts';

// Simulated machines: what their helper and their runs would report.
function bench(parts: Partial<Bench>): Bench {
  return {
    ...openBench({ parent: null, signal: new AbortController().signal }),
    ...parts,
  };
}

function trialOf(part: Partial<Result>, randomised: SetupError | null = null): Partial<Bench> {
  return {
    trial: async (): Promise<BenchRun> => ({ result: { ...result(), ...part }, randomised }),
  };
}

function kmem(maxUsage: number | null, failcnt: number | null = 0): Partial<Result> {
  return {
    kmem: { ...result().kmem, maxUsage, failcnt },
  };
}

function probe(check: Check, parts: Partial<Bench>) {
  return check.probe(bench(parts));
}

test('kernel memory accounting turned off (cgroup.memory=nokmem) is reported', async (t) => {
  for (const maxUsage of [null, 0]) {
    const found = await probe(counter, trialOf(kmem(maxUsage)));
    t.is(found.level, 'missing');
    t.regex(found.found, /kernel memory is not accounted here/);
    t.regex(found.remedy ?? '', /boot without cgroup\.memory=nokmem/);
  }
  t.is((await probe(counter, trialOf(kmem(4096)))).level, 'ok');
});

test('a sum without page tables (v2 before Linux 5.13) is reported', async (t) => {
  const parts = { ...trialOf(kmem(null)), hierarchies: () => hierarchies };
  const place = { controllers: ['memory'], mountPoint: '/mnt', mountRoot: '/', own: '/mnt', readOnly: false };
  const memory = { version: 2, ...place } as const;
  const hierarchies = { layout: 'v2', memory, unified: memory, pids: memory } as const;
  const found = await probe(counter, parts);
  t.is(found.level, 'missing');
  t.regex(found.found, /lacks page tables/);
  t.notRegex(found.remedy ?? '', /nokmem/);
});

test('a trial program that dies is reported', async (t) => {
  const found = await probe(
    start,
    trialOf({ outcome: 'signaled', steps: [step('program', { exit: { code: null, signal: 'SIGSYS' } })] }),
  );
  t.is(found.level, 'missing');
  t.regex(found.found, /SIGSYS/);
});

test('randomisation', async (t) => {
  t.is((await probe(randomisation, trialOf({}))).level, 'ok');
  const error = setupErrorOf({ event: 'setup-error', stage: 'personality', errno: 1, subject: null }, '');
  const found = await probe(randomisation, trialOf({}, error));
  t.is(found.level, 'missing');
  t.regex(found.remedy ?? '', /--aslr/);
});

test('the gate must both allow and deny calls', async (t) => {
  const limits: unknown[] = [];
  const runs = (wide: Partial<Result>, narrow: Partial<Result>): Partial<Bench> => ({
    ...trialOf({}),
    run: async (input) => {
      limits.push(input.kmem);
      return { ...result(), ...(input.kmem === limits[0] ? wide : narrow) };
    },
  });
  t.is((await probe(gate, runs(kmem(1), kmem(1, 2)))).level, 'ok');
  t.true(Number(limits[0]) > Number(limits[1]));
  limits.length = 0;
  t.regex((await probe(gate, runs(kmem(1), kmem(1, 0)))).found, /nothing was denied/);
  limits.length = 0;
  t.is((await probe(gate, runs(kmem(1), kmem(1, null)))).level, 'missing');
  limits.length = 0;
  const failed = { outcome: 'failed', steps: [step('program', { exit: { code: 126, signal: null } })] } as const;
  t.is((await probe(gate, runs(failed, kmem(1, 2)))).level, 'missing');
});

function probed(part: Partial<ListenerProbe>): Partial<Bench> {
  return {
    listener: async () => ({ listener: true, errno: 0, noNewPrivs: false, syncWakeUp: true, ...part }),
  };
}

test('the listener probe is interpreted', async (t) => {
  t.is((await probe(listener, probed({}))).level, 'ok');
  t.regex((await probe(listener, probed({ listener: false }))).found, /do not reach it/);
  const { EBUSY, ENOMEM } = constants.errno;
  t.regex((await probe(listener, probed({ listener: false, errno: EBUSY }))).found, /an ancestor/);
  t.regex((await probe(listener, probed({ listener: false, errno: ENOMEM }))).found, /ENOMEM/);
  t.is((await probe(wakeUp, probed({ syncWakeUp: false }))).level, 'note');
  t.is((await probe(privileges, probed({ noNewPrivs: true }))).level, 'note');
});

test('no remedy leads back to doctor', (t) => {
  const stages = [
    'listener',
    'fork',
    'fork-joiner',
    'counter',
    'guardian',
    'join',
    'lock',
    'supervisor',
    'lost',
    'exec',
  ];
  const errors = stages.flatMap((stage) =>
    ['EPERM', 'EBUSY', 'ENOENT'].map((errno) =>
      setupErrorOf(
        { event: 'setup-error', stage, errno: constants.errno[errno as 'EPERM'], subject: '/a/file' },
        'program',
      ),
    ),
  );
  for (const error of [...errors, new SetupError('group-not-made', 'no', 'see what kmem-run doctor says')]) {
    t.notRegex(remedyOf(error), /kmem-run doctor/, error.message);
    t.regex(remedyOf(error), /\S/);
  }
});

test('each cause of a failed start has its own remedy', (t) => {
  const at = (stage: string) =>
    remedyOf(setupErrorOf({ event: 'setup-error', stage, errno: constants.errno.EPERM, subject: null }, ''));
  t.regex(at('fork'), /clone3/);
  t.regex(at('counter'), /CONFIG_MEMCG_V1/);
  t.regex(at('guardian'), /ulimit -u/);
});
