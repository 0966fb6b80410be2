/** The class of a run, from how it differs from two in which nothing failed. */

import test from 'ava';
import { baselineOf } from '../../../src/experiment/explore/baseline.ts';
import { classify } from '../../../src/experiment/explore/classify.ts';
import {
  brokenOnes,
  exitOf,
  type FileEntry,
  type Observation,
  serversIn,
  stepOf,
} from '../../../src/experiment/explore/observation.ts';
import { type Attempt, type CallTrial, isSettled, judge } from '../../../src/experiment/explore/trials.ts';
import { expectation } from '../../fixtures/results.ts';

function file(text: string): FileEntry {
  return { kind: 'file', text, digest: text };
}

function exits(...codes: (number | string)[]): Observation['exits'] {
  return codes.map((code) => (typeof code === 'string' ? { code: null, signal: code } : { code, signal: null }));
}

const calm: Observation = {
  outcome: 'passed',
  exits: exits(0, 0),
  stdout: 'hello\nworld\n',
  stderr: 'starting\n',
  files: new Map<string, FileEntry>([
    ['tmp', { kind: 'folder' }],
    ['log', file('an entry\n')],
    ['pid', file('1234')],
    ['tmp/x.Ab1', file('')],
  ]),
  crashes: [{ comm: 'shaky', signal: 'SIGSEGV' }],
  leftover: ['daemon'],
  errors: [],
  servers: [],
  broken: [],
  failedIn: null,
  wallMs: 10,
};
const again: Observation = {
  ...calm,
  files: new Map<string, FileEntry>([
    ['tmp', { kind: 'folder' }],
    ['log', file('an entry\n')],
    ['pid', file('999')],
    ['tmp/x.zQ9', file('')],
  ]),
};
const baseline = baselineOf(calm, again);
function withFile(name: string, entry: FileEntry | null): Observation['files'] {
  const files = new Map(calm.files);
  if (entry === null) files.delete(name);
  else files.set(name, entry);
  return files;
}

for (const [what, changes, name, how, message] of [
  ['the same again', {}, 'handled', /^the same result$/, null],
  [
    'a warning more, and the same result',
    { stderr: 'starting\nlow memory\n' },
    'handled',
    /^the same result$/,
    'low memory',
  ],
  [
    'another pid, another temporary name',
    { files: new Map([...withFile('pid', file('77')), ['tmp/x.000', file('')]]) },
    'handled',
    /same/,
    null,
  ],
  [
    'fails and says so',
    { exits: exits(1, 0), stderr: 'x: Cannot allocate memory\n', stdout: '' },
    'handled',
    /^failed: step 0 exited with 1$/,
    'x: Cannot allocate memory',
  ],
  ['fails and says nothing', { exits: exits(1, 0), stdout: '' }, 'handled', /^failed/, null],
  ['is ended by its own SIGTERM', { exits: exits('SIGTERM', 0) }, 'handled', /^failed: step 0 died of SIGTERM$/, null],
  ['a step died', { exits: exits('SIGSEGV', 0) }, 'crash', /^step 0 died of SIGSEGV$/, null],
  ['a later step died', { exits: exits(0, 'SIGABRT'), failedIn: 0 }, 'crash', /^step 1 died of SIGABRT$/, null],
  ['a shell tells of a child', { exits: exits(139, 0) }, 'crash', /^step 0 exited with 139, .* SIGSEGV$/, null],
  [
    'a child crashed and nobody tells',
    { crashes: [...calm.crashes, { comm: 'worker', signal: 'SIGBUS' }] },
    'crash',
    /^worker died of SIGBUS$/,
    null,
  ],
  [
    'crashes once more than usual',
    { crashes: [...calm.crashes, ...calm.crashes] },
    'crash',
    /^shaky died of SIGSEGV$/,
    null,
  ],
  ['a crash is worse than no end', { outcome: 'timeout', exits: exits('SIGSEGV', 0) }, 'crash', /SIGSEGV/, null],
  ['no end', { outcome: 'timeout', exits: exits('SIGTERM') }, 'hang', /^it did not end$/, null],
  [
    'output cut short',
    { stdout: 'hello\nwor' },
    'silent',
    /^exit 0, but its output differs: a line ends after 3 of 5 characters: "wor"$/,
    null,
  ],
  ['output lacks a line', { stdout: 'hello\n' }, 'silent', /output differs: "world" is missing$/, null],
  ['output has a line more', { stdout: 'hello\nworld\noops\n' }, 'silent', /output differs: "oops" is extra$/, null],
  [
    'output differs, and says why',
    { stdout: 'hello\n', stderr: 'starting\ncannot do it\n' },
    'silent',
    /"world" is missing/,
    'cannot do it',
  ],
  ['stderr lacks a line', { stderr: '' }, 'silent', /stderr lacks "starting"/, null],
  ['a file is missing', { files: withFile('log', null) }, 'silent', /the file log is missing$/, null],
  ['a file differs', { files: withFile('log', file('an en')) }, 'silent', /the file log differs$/, null],
  [
    'an expectation',
    { broken: ['maxUsage<1M'], outcome: 'expectation' },
    'silent',
    /but maxUsage<1M does not hold$/,
    null,
  ],
  [
    'the step of the failure passes, a later one does not',
    { exits: exits(0, 7), failedIn: 0 },
    'silent',
    /^step 0 ended as when undisturbed, although its result was wrong: step 1 then failed: step 1 exited with 7$/,
    null,
  ],
  [
    'the failure came while the step ran that fails',
    { exits: exits(0, 7), failedIn: 1 },
    'handled',
    /^failed: step 1 exited with 7$/,
    null,
  ],
  [
    'a client is turned away while the server goes on',
    { exits: exits(0, 7), failedIn: 0, servers: [0] },
    'handled',
    /^failed: step 1 exited with 7$/,
    null,
  ],
  [
    'a client passes, and what the server gave it differs',
    { stdout: 'hello\n', failedIn: 0, servers: [0] },
    'silent',
    /output differs: "world" is missing$/,
    null,
  ],
  [
    'a server is never ready',
    { exits: exits(1, 7), errors: ['not ready: no answer', null], failedIn: 0, servers: [0] },
    'handled',
    /^failed: step 0: not ready: no answer$/,
    null,
  ],
  ['fails, and later ones with it', { exits: exits(1, 7), failedIn: 0 }, 'handled', /^failed: step 0/, null],
  ['a process is left', { leftover: ['daemon', 'daemon'] }, 'leak', /^the process daemon is left behind$/, null],
  [
    'a file is left',
    { exits: exits(1, 0), files: withFile('tmp/lock', file('')) },
    'leak',
    /^the file tmp\/lock is left behind$/,
    null,
  ],
  [
    'a file is cut short, and that is told',
    { exits: exits(1, 0), files: withFile('log', file('')) },
    'handled',
    /^failed/,
    null,
  ],
  ['silent is worse than a leak', { stdout: '', leftover: ['x'] }, 'silent', /output/, null],
] as const) {
  test(`${what}: ${name}`, (t) => {
    const verdict = classify({ ...calm, ...changes }, baseline, 0);
    t.is(verdict.class, name);
    t.regex(verdict.how, how);
    t.is(verdict.message, message);
  });
}

for (const [what, step, expected] of [
  ['a server that was stopped by its signal', { exit: exits('SIGTERM')[0], stopped: true, error: null }, 0],
  ['a server that ends by itself when it is stopped', { exit: exits(0)[0], stopped: true, error: null }, 0],
  ['a shell that says that its server was stopped', { exit: exits(143)[0], stopped: true, error: null }, 0],
  ['a server that crashes when it is stopped', { exit: exits('SIGSEGV')[0], stopped: true, error: null }, 'SIGSEGV'],
  ['a server that was never ready', { exit: exits('SIGTERM')[0], stopped: true, error: 'not ready' }, 1],
  ['a daemon that exits with 0 and is not ready', { exit: exits(0)[0], stopped: false, error: 'not ready' }, 1],
  ['a program that dies of the same signal', { exit: exits('SIGTERM')[0], stopped: false, error: null }, 'SIGTERM'],
  ['a program that fails', { exit: exits(3)[0], stopped: false, error: null }, 3],
] as const) {
  test(`exit used for comparison: ${what}`, (t) => {
    const { exit = exits(0)[0], ...rest } = step;
    t.deepEqual(exit === undefined ? null : exitOf({ exit, ...rest }), exits(expected)[0]);
  });
}

test('background steps, and exited steps whose daemon had the failed call, count as servers', (t) => {
  const step = { background: false, atMs: 0, wallMs: 10 };
  const steps = [step, { ...step, background: true, atMs: 10, wallMs: null }, { ...step, atMs: 20 }];
  t.deepEqual(serversIn(steps, null), [1]);
  t.deepEqual(serversIn(steps, { step: 0, atMs: 5 }), [1]);
  t.deepEqual(serversIn(steps, { step: 0, atMs: 15 }), [0, 1]);
  t.deepEqual(serversIn(steps, { step: 2, atMs: 25 }), [1]);
  t.deepEqual(serversIn(steps, { step: null, atMs: 25 }), [1]);
});

test('step numbers in addresses do not count clients and requests', (t) => {
  const steps = (['outside', 'command', 'http', 'command'] as const).map((kind) => ({ kind }));
  t.deepEqual(
    ['0/1:mmap', '0.2/7:mmap+', '1/3:clone', '1.1.4/2'].map((address) => stepOf(address, steps)),
    [1, 1, 3, 3],
  );
});

test('a broken expectation about failed calls is no difference, as the injected failure counts', (t) => {
  const broken = [
    'failcnt==0',
    'steps[0].failcnt==0',
    'kmem.failcnt<1',
    "failures[0].syscall=='mmap'",
    'failures.length==0',
  ];
  const all = [...broken, 'stdout~/failures/', 'exit==0'].map((expr) => expectation(expr, { passed: false }));
  t.deepEqual(
    brokenOnes([...all, expectation('maxUsage<1M'), expectation('exit==1', { passed: false, implicit: true })]),
    ['stdout~/failures/', 'exit==0'],
  );
});

test('only runs that fail without output are mute', (t) => {
  t.true(classify({ ...calm, exits: exits(1, 0) }, baseline, 0).mute);
  t.false(classify({ ...calm, exits: exits(1, 0), stderr: 'oops\n' }, baseline, 0).mute);
  t.false(classify(calm, baseline, 0).mute);
});

test('output that varies too much by itself is not compared', (t) => {
  const noisy = baselineOf(calm, { ...again, stdout: 'something else altogether\n', stderr: 'x\ny\nz\n' });
  t.is(noisy.stdout, null);
  t.is(classify({ ...calm, stdout: 'whatever', stderr: 'starting\n' }, noisy, 0).class, 'handled');
});

for (const [what, [first, second, third], isLeft] of [
  ['begin with the same character by chance', ['tmp.Sb1xyz', 'tmp.SQ9abc', 'tmp.iwmCqP'], false],
  ['end with the same two by chance', ['tmp.abc1Zz', 'tmp.xyz2Zz', 'tmp.iwmCqP'], false],
  ['are pids that follow each other', ['run.12345.log', 'run.12347.log', 'run.12402.log'], false],
  ['are pids of which one is longer', ['run.9998', 'run.9999', 'run.10002'], false],
  ['vary, and the new one is another name', ['tmp.abcdef', 'tmp.uvwxyz', 'lock.abcde'], true],
  ['are numbers, and the new one is none', ['run.17', 'run.23', 'run.x'], true],
  ['are the same each time', ['log', 'log', 'log2'], true],
] as const) {
  test(`names of files that ${what}: ${isLeft ? 'a leak' : 'no leak'}`, (t) => {
    const leaving = (name: string): Observation => ({ ...calm, files: new Map([[name, file('')]]) });
    const files = new Map([...leaving(first).files, ...leaving(third).files]);
    const verdict = classify({ ...leaving(third), files }, baselineOf(leaving(first), leaving(second)), 0);
    t.is(verdict.class === 'leak', isLeft);
    // A name that was seen is never new.
    t.is(classify(leaving(second), baselineOf(leaving(first), leaving(second)), 0).class, 'handled');
  });
}

function attempt(name: 'crash' | 'hang' | 'silent' | 'leak' | 'handled' | null): Attempt {
  return {
    id: 'a',
    outcome: name === null ? 'not-reached' : 'injected',
    verdict: name === null ? null : { class: name, how: name, message: null, mute: false },
  };
}

function trial(...names: Parameters<typeof attempt>[0][]): CallTrial {
  return {
    call: { address: '0/1:mmap', syscall: 'mmap', program: 'a', comm: 'a', detail: null },
    mode: 'once',
    attempts: names.map(attempt),
  };
}

for (const [names, kind, name, seen] of [
  [['handled'], 'handled', 'handled', 1],
  [['silent', 'silent'], 'finding', 'silent', 2],
  [['silent', 'handled'], 'unsteady', 'silent', 1],
  [['hang', 'handled'], 'unsteady', 'hang', 1],
  [['hang', 'leak'], 'finding', 'leak', 1],
  // A crash is never noise.
  [['crash', 'handled'], 'finding', 'crash', 1],
  [['silent', null], 'finding', 'silent', 1],
  [[null, 'handled'], 'handled', 'handled', 1],
] as const) {
  test(`seen as ${names.join(' and ')}: ${kind}`, (t) => {
    const judgement = judge(trial(...names));
    t.is(judgement.kind, kind);
    if (judgement.kind === 'absent') return t.fail();
    t.is(judgement.verdict.class, name);
    t.is(judgement.seen, seen);
    return undefined;
  });
}

test('a finding is tried twice, a handled call once, and a call not reached once more', (t) => {
  t.deepEqual(
    [trial(), trial('handled'), trial('crash'), trial(null), trial('silent', 'handled'), trial(null, null)].map(
      isSettled,
    ),
    [false, true, false, false, true, true],
  );
  t.like(judge(trial(null, null)), { kind: 'absent', outcome: 'not-reached' });
  t.true(isSettled({ ...trial(), attempts: [{ id: 'a', outcome: 'harmless', verdict: null }] }));
});
