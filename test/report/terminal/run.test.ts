import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { SetupError } from '../../../src/errors.ts';
import { setupErrorText, type TextOptions, textReport } from '../../../src/report/terminal/run.ts';
import { BY_MODULE } from '../../../src/result/notes.ts';
import type { Result } from '../../../src/result/schema.ts';
import {
  apacheStopFails,
  expectation,
  failure,
  HOSTILE_TEXT,
  hostile,
  result,
  setupError,
  step,
  storm,
  unread,
} from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const plain: TextOptions = { color: false, verbose: false, width: null };
function report(made: Result) {
  return textReport(made, plain);
}

function first(made: Result) {
  return report(made).split('\n')[0];
}

function row(made: Result, label: string, options = plain) {
  return textReport(made, options)
    .split('\n')
    .find((line) => line.startsWith(`  ${label} `))
    ?.slice(15);
}

test('a run that passed', (t) => {
  t.is(
    report(result()),
    `kmem-run: passed: kernel memory peaked at 2.52 MiB of 4 MiB
  kmem         peak 2.52 MiB (2,637,824) of 4 MiB (4,194,304), failcnt 0, overshoot 0
  memory       peak 5.58 MiB (5,853,184) (no limit), failcnt 0
  enforcement  gate on Linux 6.18.5, per system call
  steps        0  apachectl start  exit 0  412.1 ms  failcnt 0  peak 2.52 MiB
`,
  );
});

test('Apache, whose stop fails as expected', (t) => {
  t.is(
    report(apacheStopFails()),
    `kmem-run: passed: all 4 expectations hold; kernel memory peaked at 2.52 MiB of 2.5 MiB; the gate denied 4 allocations
  kmem         peak 2.52 MiB (2,641,920) of 2.5 MiB (2,621,440), failcnt 4, overshoot 20 KiB (20,480)
  memory       peak 5.58 MiB (5,853,184) (no limit), failcnt 0
  enforcement  gate on Linux 6.18.5, per system call
  failures     4 in all
               apache2: 3 × mmap of /usr/lib/apache2/modules/*.so (ENOMEM), 1 × openat of /etc/apache2/apache2.conf (ENOMEM)
  steps        0  apachectl start          exit 0  412.1 ms  failcnt 0  peak 2.52 MiB
               1  curl -fs localhost:8080  exit 0  20.5 ms   failcnt 0  peak 2.52 MiB
               2  apachectl stop           exit 1  95.3 ms   failcnt 4  peak 2.52 MiB
  expected     ✓ steps[2].exit!=0  (it is 1)
               ✓ failcnt>0  (it is 4)
  left over    apache2 (2 processes), sh (15700) were running; killed
`,
  );
});

test('a native limit is not attributed to the gate, and the kernel’s counter names no calls', (t) => {
  const made = result({
    outcome: 'failed',
    kmem: { failcnt: 241 },
    enforcement: {
      mode: 'native',
      granularity: 'charge',
      reserve: null,
      gatedCalls: null,
      reclaims: null,
      failuresDropped: null,
      vm: { kernel: '5.10.262', accel: 'tcg', bootMs: 1800 },
    },
    steps: [step('apachectl stop', { exit: { code: 1, signal: null }, failcnt: 241 })],
  });
  t.is(
    first(made),
    'kmem-run: apachectl stop failed with exit status 1 after the kernel refused it kernel memory 241 times',
  );
  t.is(row(made, 'enforcement'), "the kernel's own limit on Linux 5.10.262 in a microVM (tcg), on every charge");
  const byModule = { ...made, enforcement: { ...made.enforcement, notes: [BY_MODULE] } };
  t.is(row(byModule, 'enforcement'), 'the module kmem_native in Linux 5.10.262 in a microVM (tcg), on every charge');
  t.is(row(made, 'failures'), 'not named, only counted (failcnt 241)');
  const attributed = { ...made, enforcement: { ...made.enforcement, failuresDropped: 0 } };
  t.regex(row(attributed, 'failures') ?? '', /^no call failed: .* \(failcnt 241\)$/);
  t.notRegex(report(made), /gate/);
});

test('reports that no limit was set, or that none was enforced', (t) => {
  t.regex(row(result({ limits: { kmem: null } }), 'enforcement') ?? '', /\(no kmem limit was requested\)$/);
  t.is(
    row(result({ enforcement: { mode: 'none', granularity: null } }), 'enforcement'),
    'none on Linux 6.18.5: counted, not limited',
  );
});

test('a null reading is reported as not read, never 0', (t) => {
  const text = report(unread());
  t.regex(text, /kmem +peak not read of 4 MiB \(4,194,304\), failcnt not read\n/);
  t.regex(text, /true {2}no end seen {2}not read {2}failcnt not read {2}peak not read\n/);
  t.notRegex(text, /\b0\b(?! {2}true)/);
});

test('a setup error has a reason and a hint, and no empty rows', (t) => {
  t.is(
    report(setupError()),
    'kmem-run: could not be run: the kernel refuses a seccomp listener\n  hint: run it outside that container\n',
  );
  const error = new SetupError('bad-size', `--kmem: ${HOSTILE_TEXT}`, 'give a size\nplease');
  t.is(
    setupErrorText(error),
    'kmem-run: --kmem: a\\x1b[2J\\x1b]0;owned\\x07\\r\\nb\\tc\\u{202e}d\\u{9b}31m\\x7f\\u{d800}\n  hint: give a size\\nplease\n',
  );
});

test('no name from a program reaches the terminal as a control character', (t) => {
  for (const verbose of [false, true]) {
    for (const width of [null, 1, 80]) {
      for (const outcome of [
        'expectation',
        'failed',
        'timeout',
        'oom',
        'setup-error',
        'interrupted',
        'signaled',
        'passed',
      ] as const) {
        const error = outcome === 'setup-error' ? { code: 'x', message: HOSTILE_TEXT, hint: HOSTILE_TEXT } : null;
        const made = { ...hostile(), outcome, error };
        const text = textReport(made, { color: false, verbose, width });
        t.deepEqual(dangerous(text, '\n'), []);
        const coloured = textReport(made, { color: true, verbose, width });
        t.is(stripVTControlCharacters(coloured), text);
        // Every escape in the coloured report is one of our few.
        const own = /^\[(?:1|2|3[1-3]|22|39)m/;
        for (const rest of coloured.split('\u001b').slice(1)) t.regex(rest, own);
      }
    }
  }
});

test('a storm is summarised, with a note that its list is capped', (t) => {
  const text = textReport(storm(), { ...plain, width: 80 });
  t.regex(text, /failures {5}1,000,018 in all; details are of the first 1,000; 2 more,\n +not counted by program\n/);
  t.regex(text, /sh: 1,000,000 × clone \(ENOMEM\)\n/);
  t.regex(text, /and 11 in 11 other programs\n/);
  t.true(text.split('\n').every((line) => [...line].length <= 80));
  t.true(text.split('\n').length < 30);
});

test('a narrow terminal cuts commands, not figures', (t) => {
  const made = result({ steps: [step(`sh -c ${'x'.repeat(300)}`)] });
  t.is(
    row(made, 'steps', { ...plain, width: 80 }),
    '0  sh -c xxxxxxxxxxx…  exit 0  412.1 ms  failcnt 0  peak 2.52 MiB',
  );
});

test('a headline wider than the terminal wraps between words', (t) => {
  const [whole = ''] = textReport(apacheStopFails(), plain).split('\n');
  const lines = textReport(apacheStopFails(), { ...plain, width: 60 }).split('\n');
  const head = lines.slice(
    0,
    lines.findIndex((line) => line.startsWith('  kmem ')),
  );
  t.true(head.length > 1);
  t.true(head.every((line) => line.length <= 60));
  t.is(head.map((line) => line.trim()).join(' '), whole);
});

test('counters are shown if requested or if they changed', (t) => {
  t.is(row(result(), 'processes'), undefined);
  t.is(row(result({ limits: { pids: 20 } }), 'processes'), 'at most 12 of 20, failcnt 0');
  t.is(row(result({ pids: { max: 20, failcnt: 3 } }), 'processes'), 'at most 20, failcnt 3');
  t.is(row(result({ limits: { kmemTcp: 4096 } }), 'TCP buffers'), 'peak 0 of 4 KiB (4,096), failcnt 0');
  t.is(row(result({ memsw: { maxUsage: 5_853_184, usage: 0, failcnt: 0 } }), 'memory+swap'), undefined);
  t.is(
    row(result({ memsw: { maxUsage: 6_000_000, usage: 0, failcnt: 0 } }), 'memory+swap'),
    'peak 5.72 MiB (6,000,000) (no limit), failcnt 0',
  );
  t.is(
    row(result({ mem: { oomKills: 1, failcnt: 9 }, limits: { mem: 8_388_608 } }), 'memory'),
    'peak 5.58 MiB (5,853,184) of 8 MiB (8,388,608), failcnt 9, OOM kills 1',
  );
  const sampled = result({ kmem: { maxUsageSource: 'samples', uncertainty: 8192, overshoot: null } });
  t.is(
    row(sampled, 'kmem'),
    'peak 2.52 MiB (2,637,824) of 4 MiB (4,194,304), failcnt 0, give or take 8 KiB (8,192), the highest sampled value',
  );
});

test('the parts of the peak are listed, largest first', (t) => {
  const parts = { slab: 524_288, kernel_stack: 16_384, pagetables: 1_048_576, percpu: 0, vmalloc: 0, sock: 4096 };
  const made = result({ kmem: { maxUsageSource: 'gate', maxUsage: 2_097_152, parts } });
  t.regex(
    report(made),
    /\n {15}where it went: page tables 1 MiB, slab 512 KiB, other 496 KiB, stacks 16 KiB, and separately, socket buffers 4 KiB\n/,
  );
});

test('limits changed by steps are listed in order; a step that failed to change one adds none', (t) => {
  const MiB = 1024 * 1024;
  const leaves = (kmem: number | null) => ({ kmem, mem: null, memsw: null, kmemTcp: null, pids: null });
  const steps = [
    step('serve', { limits: leaves(4 * MiB) }),
    step('limits kmem 1 MiB', { kind: 'limits', limits: leaves(MiB) }),
    step('limits kmem 1 KiB', { kind: 'limits', limits: leaves(MiB), exit: { code: 1, signal: null } }),
    step('limits kmem none', { kind: 'limits', limits: leaves(null) }),
  ];
  const changed = result({ steps });
  t.regex(row(changed, 'kmem') ?? '', / of 4 MiB \(4,194,304\), then 1 MiB \(1,048,576\), then no limit, failcnt 0/);
  t.is(first(changed), 'kmem-run: passed: kernel memory peaked at 2.52 MiB of 4 MiB, then 1 MiB, then no limit');
  const later = result({ steps: steps.slice(0, 2), limits: { kmem: null } });
  t.regex(row(later, 'kmem') ?? '', / of no limit, then 1 MiB /);
  t.notRegex(report(later), /no kmem limit was requested/);
});

test('implicit expectations are shown if they fail, or on request', (t) => {
  const implicit = expectation('exit==0', { implicit: true });
  t.is(row(result({ expectations: [implicit] }), 'expected'), undefined);
  t.is(
    row(result({ expectations: [implicit] }), 'expected', { ...plain, verbose: true }),
    '✓ exit==0  (it is 0, implicit)',
  );
  t.is(
    row(result({ expectations: [{ ...implicit, passed: false, actual: 1_000 }] }), 'expected'),
    '✗ exit==0  (it is 1,000, implicit)',
  );
});

test('warnings and many leftovers', (t) => {
  const leftover = Array.from({ length: 9 }, (_, index) => ({ pid: 100 + index, comm: 'httpd' }));
  const made = result({ leftover, warnings: ['swap is on', 'and so on'] });
  t.is(row(made, 'left over'), 'httpd (9 processes) were running; killed');
  const over = (reason: 'quiet' | 'limit' | 'stopped', waitedMs: number) =>
    row({ ...made, ending: { rule: 'quiet', reason, waitedMs } }, 'left over');
  t.is(over('quiet', 620), 'httpd (9 processes) were running and quiet for 500 ms; stopped');
  t.is(over('limit', 5010), 'httpd (9 processes) were still busy after 5.01 s; stopped');
  t.is(over('stopped', 60_000), 'httpd (9 processes) were running until Ctrl-C; stopped');
  const hints = (spec: Partial<Result['spec']>, reason: 'quiet' | 'stopped' = 'quiet') =>
    report({ ...made, spec: { ...made.spec, ...spec }, ending: { rule: 'quiet', reason, waitedMs: 620 } }).match(
      /hint: .*--then.*--hold.*--wait empty/g,
    )?.length ?? 0;
  t.is(hints({}), 1);
  t.deepEqual(
    [hints({ then: ['x'] }), hints({ holdMs: 1 }), hints({ wait: 'empty' }), hints({}, 'stopped')],
    [0, 0, 0, 0],
  );
  const orphan = { atMs: 3, pid: 7, comm: 'apache2', exit: { code: null, signal: 'SIGSEGV' } };
  t.is(row(result({ orphans: [orphan] }), 'died'), 'apache2 (7) died of SIGSEGV');
  t.regex(report(made), / {2}warning {6}swap is on\n {15}and so on\n$/);
});

test('verbose lists every failure, the machine and the ancestors’ limits', (t) => {
  const made = result({
    failures: [
      failure(),
      failure({ tid: 15_661, pid: null, comm: null, detail: null, errno: null, usage: null, step: null }),
    ],
    failureCounts: [{ comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', count: 1 }],
    limits: {
      ancestors: [
        { directory: '/sys/fs/cgroup/memory/a', controller: 'memory', file: 'memory.limit_in_bytes', limit: 8_388_608 },
      ],
    },
  });
  const text = textReport(made, { ...plain, verbose: true });
  t.regex(
    text,
    /312\.4 ms step 2 apache2\[15660\] mmap \/usr\/lib\/apache2\/modules\/mod_negotiation\.so: ENOMEM at 2,617,344\n/,
  );
  t.regex(text, /312\.4 ms \(name not read\)\[\?\/15661\] mmap: no errno at not read\n/);
  t.regex(text, /above {8}memory\.limit_in_bytes 8 MiB \(8,388,608\) at \/sys\/fs\/cgroup\/memory\/a\n/);
  t.regex(text, /1,234 calls gated, 0 reclaims\n +the gate denies whole system calls: /);
  t.regex(text, /time {9}412\.1 ms; CPU 30\.2 ms in user mode, 18\.7 ms in the kernel\n/);
});
