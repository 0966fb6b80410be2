import test from 'ava';
import type { ExploreFinding, ExploreReport } from '../../../src/experiment/explore/report.ts';
import { exploreText } from '../../../src/report/terminal/explore.ts';

const plain = { color: false, width: null };

function finding(changes: Partial<ExploreFinding> = {}): ExploreFinding {
  return {
    class: 'crash',
    address: '0/17:mmap',
    mode: 'once',
    program: 'httpd',
    comm: 'worker',
    syscall: 'mmap',
    detail: '8192 bytes',
    how: 'httpd died of SIGSEGV',
    message: null,
    seen: 2,
    runs: 2,
    ids: ['a', 'b'],
    replay: 'kmem-run --fail 0/17:mmap -- httpd',
    ...changes,
  };
}

function report(changes: Partial<ExploreReport> = {}): ExploreReport {
  return {
    schemaVersion: 1,
    kind: 'explore',
    id: 'abcdef012345',
    startedAt: '2026-01-02T03:04:05.678Z',
    status: 'done',
    error: null,
    command: ['httpd', '-X'],
    then: [],
    expect: [],
    warmup: 1,
    prepare: null,
    timeoutMs: 5000,
    warnings: [],
    kmemRun: '0.1.0',
    jobs: [[1], [0]],
    calls: { listed: 20, unstable: 3, wanted: 15, duplicates: 4, beyondLimit: 1, chosen: 10 },
    runs: { planned: 30, made: 30 },
    counts: { crash: 0, hang: 0, silent: 0, leak: 0, handled: 20, mute: 0, unsteady: 0, notFailed: 0 },
    score: 1,
    findings: [],
    unsteady: [],
    ...changes,
  };
}

test('nothing found: the score and what it is based on', (t) => {
  t.is(
    exploreText(report(), plain),
    `kmem-run: no findings in 20 failures of httpd -X

  score    100 %: 20 of 20 failures handled
  calls    10 of 20 calls made to fail, alone and with all later ones; 5 not selected; 4 duplicates (--all tries them too); 1 beyond --limit; 3 left out because they differ between runs
  runs     30; 2 jobs on CPU 1, 0; 1 warm-up; at most 5 s a run; saved as abcdef012345
`,
  );
});

test('findings of one kind share an entry, with the line of the first', (t) => {
  const findings = [
    finding({ message: 'httpd: no answer' }),
    finding({ address: '0/18:mmap', detail: '4096 bytes' }),
    finding({ address: '0/17:mmap+', mode: 'persistent' }),
    finding({ class: 'silent', syscall: 'openat', detail: null, how: 'exit 0, but …', seen: 1, mode: 'persistent' }),
  ];
  const counts = { ...report().counts, crash: 3, silent: 1, handled: 197, mute: 5, unsteady: 1, notFailed: 2 };
  const text = exploreText(report({ findings, counts, score: 197 / 201, unsteady: [finding()] }), plain);
  t.is(
    text.split('\n\n').slice(0, 3).join('\n\n'),
    `kmem-run: 4 findings in 202 failures of httpd -X: 3 crashes, 1 silent

  crash    httpd: mmap of 8192 bytes
           httpd died of SIGSEGV
           it printed: httpd: no answer
           kmem-run --fail 0/17:mmap -- httpd
           the same: --fail 0/18:mmap, 0/17:mmap+

  silent   httpd: openat, and all later calls of its process
           exit 0, but … (in 1 of 2 runs)
           kmem-run --fail 0/17:mmap -- httpd`,
  );
  // Not rounded up to 99 %, and never 100.
  t.regex(
    text,
    /score {4}98 %: 197 of 201 failures handled \(5 of them failed without a message\); 1 unconfirmed: bad once/,
  );
  t.regex(text, /; 2 times no call failed$/m);
});

test('99.9 % is not 100 %', (t) => {
  const counts = { ...report().counts, crash: 1, handled: 9999 };
  t.regex(exploreText(report({ findings: [finding()], counts, score: 0.9999 }), plain), /score {4}99 %/);
});

test('stopped before any trial: reports the stop and no score', (t) => {
  const empty = { ...report().counts, handled: 0 };
  const stopped = report({ status: 'stopped', calls: null, counts: empty, score: null, runs: { planned: 2, made: 1 } });
  t.is(
    exploreText(stopped, plain),
    `kmem-run: stopped; no findings in 0 failures of httpd -X

  runs     1 of about 2; 2 jobs on CPU 1, 0; 1 warm-up; at most 5 s a run; saved as abcdef012345
`,
  );
});

test('program output cannot control the terminal', (t) => {
  const text = exploreText(
    report({ findings: [finding({ message: '\u001b[2J', program: 'a\u0007', how: '\u009b' })] }),
    plain,
  );
  t.notRegex(text, /(?!\n)\p{Cc}/u);
});

test('a long list of kinds is truncated', (t) => {
  const findings = Array.from({ length: 200 }, (_, index) => finding({ program: `p${index}` }));
  const text = exploreText(report({ findings }), plain);
  t.is(text.match(/^ {2}crash /gm)?.length, 25);
  t.regex(text, /^ {2}and 175 more: --json FILE lists all of them$/m);
});
