import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Result } from '../../src/result/schema.ts';
import type { ScenarioAttempt } from '../../src/scenario/attempt.ts';
import { compareEntries, covers } from '../../src/scenario/baseline/compare.ts';
import { entryOf } from '../../src/scenario/baseline/entry.ts';
import { openBaselines, parseBook, readBook, textOf } from '../../src/scenario/baseline/file.ts';
import type { BaselineEntry, Book } from '../../src/scenario/baseline/types.ts';
import { readTolerances } from '../../src/scenario/baseline/types.ts';
import { loadScenario } from '../../src/scenario/load.ts';
import type { ScenarioOutcome } from '../../src/scenario/report.ts';
import { runSuite } from '../../src/scenario/suite.ts';
import { AS_WRITTEN } from '../../src/scenario/types.ts';
import { failure, result, step } from '../fixtures/results.ts';
import { refused, valueOrNull } from '../request/refusal.ts';

const MiB = 1024 * 1024;
const tolerance = readTolerances(undefined);

function entry(results: readonly Result[]): BaselineEntry {
  const made = entryOf(results);
  if (made === null) throw new Error('no results');
  return made;
}

/** Runs with these peaks that are otherwise identical. */
function peaks(values: readonly number[], changes: Parameters<typeof result>[0] = {}): Result[] {
  return values.map((maxUsage) => result({ ...changes, kmem: { maxUsage, ...changes?.kmem } }));
}

function sentences(before: readonly Result[], now: readonly Result[], given = tolerance): string[] {
  const { changes } = compareEntries(entry(before), entry(now), { tolerance: given }, now);
  return changes.map(({ verdict, text }) => `${verdict}: ${text}`);
}

function five(value: number) {
  return [value, value, value, value, value];
}

test('a peak beyond tolerance and spread is reported in one sentence', (t) => {
  t.deepEqual(sentences(peaks(five(2.5 * MiB)), peaks([2.86 * MiB, 2.86 * MiB, 2.86 * MiB])), [
    'worse: kmem peak +14 % (2.5 → 2.86 MiB)',
  ]);
  t.deepEqual(sentences(peaks(five(1000 * 1024)), peaks(five(2 * MiB))), [
    'worse: kmem peak +105 % (1000 KiB → 2 MiB)',
  ]);
  t.deepEqual(sentences(peaks(five(4 * MiB)), peaks(five(2 * MiB))), ['better: kmem peak −50 % (4 → 2 MiB)']);
});

test('a change within the tolerance or the baseline’s spread is not reported', (t) => {
  t.deepEqual(sentences(peaks(five(2.5 * MiB)), peaks(five(2.7 * MiB))), []);
  t.deepEqual(sentences(peaks(five(2.5 * MiB)), peaks(five(2.7 * MiB)), readTolerances('5%')), [
    'worse: kmem peak +8 % (2.5 → 2.7 MiB)',
  ]);
  t.deepEqual(sentences(peaks([2, 2, 2, 4, 4].map((mib) => mib * MiB)), peaks(five(3 * MiB))), []);
  // A few pages of a small program.
  t.deepEqual(sentences(peaks(five(53_248)), peaks(five(57_344))), []);
});

test('one run beyond the baseline calls for more runs; a single-run baseline is judged by the tolerance', (t) => {
  const unsure = (before: Result[], now: Result[]) =>
    compareEntries(entry(before), entry(now), { tolerance }, now).isUnsure;
  t.true(unsure(peaks(five(2 * MiB)), peaks([3 * MiB])));
  t.false(unsure(peaks(five(2 * MiB)), peaks([3 * MiB, 3 * MiB, 3 * MiB])));
  // The first run was cold.
  t.false(unsure(peaks(five(2 * MiB)), peaks([3 * MiB, 2 * MiB])));
  t.true(unsure(peaks([2 * MiB]), peaks([3 * MiB])));
  t.deepEqual(sentences(peaks([2 * MiB]), peaks(five(3 * MiB))), ['worse: kmem peak +50 % (2 → 3 MiB)']);
});

test('if the kernel reports memory by part, the parts that explain a rise are named', (t) => {
  const run = (maxUsage: number, parts: Record<string, number>) =>
    peaks(five(maxUsage), { kmem: { parts }, environment: { cgroup: 'v2' } });
  const before = run(2.5 * MiB, { slab: 2 * MiB, pagetables: 0.25 * MiB, sock: 0 });
  t.deepEqual(sentences(before, run(3 * MiB, { slab: 2 * MiB, pagetables: 0.75 * MiB, sock: 9 * MiB })), [
    'worse: kmem peak +20 % (2.5 → 3 MiB), from page tables',
  ]);
  t.deepEqual(sentences(before, run(3.5 * MiB, { slab: 2.5 * MiB, pagetables: 0.75 * MiB })), [
    'worse: kmem peak +40 % (2.5 → 3.5 MiB), from page tables and slab objects',
  ]);
  t.deepEqual(sentences(before, run(3.5 * MiB, { slab: 2 * MiB, pagetables: 0.25 * MiB })), [
    'worse: kmem peak +40 % (2.5 → 3.5 MiB), from other pages, such as those of pipes',
  ]);
});

test('the step and extra processes are named as causes; without evidence, no cause is named', (t) => {
  const plan = (page: number | null, stop: number | null, name = 'a page') => [
    step('start', { name: 'start', kmemMaxUsage: MiB }),
    step('page', { name, kmemMaxUsage: page }),
    step('stop', { kmemMaxUsage: stop }),
  ];
  const run = (peak: number, page: number | null, stop: number | null, more: Parameters<typeof result>[0] = {}) =>
    peaks(five(peak), { steps: plan(page, stop), ...more });
  t.deepEqual(sentences(run(2 * MiB, 2 * MiB, 2 * MiB), run(3 * MiB, 3 * MiB, 3 * MiB)), [
    'worse: kmem peak +50 % (2 → 3 MiB), at step "a page"',
  ]);
  t.deepEqual(sentences(run(2 * MiB, 2 * MiB, 2 * MiB), run(3 * MiB, 2 * MiB, 3 * MiB, { pids: { max: 20 } })), [
    'worse: kmem peak +50 % (2 → 3 MiB), at step "step 2", with 20 processes and threads at a time, not 12',
  ]);
  // A step that rose slightly does not explain the whole rise.
  t.deepEqual(sentences(run(2 * MiB, 1.5 * MiB, 2 * MiB), run(4 * MiB, 2 * MiB, 4 * MiB)), [
    'worse: kmem peak +100 % (2 → 4 MiB), at step "step 2"',
  ]);
  // Requests and clients have no peak of their own.
  t.deepEqual(sentences(run(2 * MiB, null, MiB), run(3 * MiB, null, MiB)), [
    'worse: kmem peak +50 % (2 → 3 MiB), at step "a page"',
  ]);
  t.deepEqual(sentences(run(2 * MiB, null, null), run(3 * MiB, null, null)), [
    'worse: kmem peak +50 % (2 → 3 MiB), between step "a page" and step "step 2"',
  ]);
  const other = peaks(five(3 * MiB), { steps: plan(3 * MiB, 3 * MiB, 'other') });
  t.deepEqual(sentences(run(2 * MiB, 2 * MiB, 3 * MiB), other), ['worse: kmem peak +50 % (2 → 3 MiB)']);
});

test('new failures count as worse, and the call is named', (t) => {
  const failing = (failcnt: number) => {
    const failures = failcnt === 0 ? [] : [failure({ comm: 'sh', syscall: 'clone' })];
    const failureCounts = failures.map(({ comm, syscall, errno }) => ({ comm, syscall, errno, count: failcnt }));
    return five(0).map(() => result({ kmem: { failcnt }, failures, failureCounts }));
  };
  t.deepEqual(sentences(failing(0), failing(3)), [
    'worse: failcnt 0 → 3, most often sh: clone (ENOMEM)',
    'other: first failing call: none → sh: clone (ENOMEM)',
  ]);
  t.deepEqual(sentences(failing(4), failing(5)), []);
  t.deepEqual(sentences(failing(4), failing(8)), ['worse: failcnt +100 % (4 → 8), most often sh: clone (ENOMEM)']);
  t.deepEqual(sentences(failing(8), failing(4)), ['better: failcnt −50 % (8 → 4)']);
});

test('a changed outcome is worse; a changed exit of a step is reported', (t) => {
  const ended = (code: number) => peaks(five(MiB), { steps: [step('a', { exit: { code, signal: null } })] });
  t.deepEqual(sentences(ended(0), ended(3)), ['other: ends of the steps: exit 0 → exit 3']);
  t.deepEqual(sentences(peaks(five(MiB)), peaks(five(MiB), { outcome: 'oom' })), ['worse: outcome: passed → oom']);
});

test('a different kernel, cgroup version, randomisation or limit is a warning', (t) => {
  const here = peaks(five(MiB));
  const there = peaks(five(MiB), {
    environment: { kernel: '6.12.1', cgroup: 'v2', aslr: true },
    spec: { limits: { kmem: MiB }, cpus: [0, 1] },
  });
  const { warnings, changes } = compareEntries(entry(here), entry(there), { tolerance }, there);
  t.deepEqual(changes, []);
  t.deepEqual(warnings, [
    'the baseline was measured on Linux 6.18.5, now 6.12.1',
    'the baseline was measured with cgroup hybrid, now v2',
    'the baseline was measured with address-space randomisation off, now on',
    'the baseline was measured on 1 CPUs, now 2',
    `the baseline was measured with limits kmem ${4 * MiB}, now kmem ${MiB}`,
  ]);
});

test('tolerances are shares, sizes or counts', (t) => {
  t.deepEqual(readTolerances('64K').kmem, { share: 0, atLeast: 65_536 });
  t.deepEqual(readTolerances('64K').failcnt, tolerance.failcnt);
  t.deepEqual(readTolerances('0%').failcnt, { share: 0, atLeast: 0 });
  t.deepEqual(readTolerances({ failcnt: '3' }), { ...tolerance, failcnt: { share: 0, atLeast: 3 } });
  for (const text of ['', '%', 'ten', '-1%', '1e3%']) refused(t, 'bad-tolerance', () => readTolerances(text));
  refused(t, 'bad-tolerance', () => readTolerances({ failcnt: '3K' }));
});

// JavaScript does not treat that key as a name.
const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__');
const kinds = fc.dictionary(names, fc.integer({ min: 1, max: 99 }), {
  maxKeys: 3,
});
const values = fc.array(fc.nat(), { minLength: 1, maxLength: 25 }).map((list) => list.toSorted((a, b) => a - b));
const anyEntry: fc.Arbitrary<BaselineEntry> = fc.record({
  measuredOn: fc.record({
    linux: fc.string({ unit: 'binary' }),
    cgroup: fc.constantFrom('v1', 'v2', 'hybrid'),
    enforcement: fc.constantFrom('gate', 'native'),
    aslr: fc.boolean(),
    cpus: fc.nat(),
  }),
  limits: fc.dictionary(fc.constantFrom('kmem', 'pids'), fc.nat()),
  outcome: kinds,
  ends: kinds,
  firstFailing: kinds,
  figures: fc.record({ kmem: values, failcnt: values, mem: values, kmemTcp: values }, { requiredKeys: [] }),
  processes: fc.option(fc.nat()),
  parts: fc.option(fc.dictionary(fc.constantFrom('slab', 'pagetables', 'other'), fc.nat())),
  steps: fc.array(fc.record({ name: fc.string({ unit: 'binary', minLength: 1 }), kmem: fc.nat() }), { maxLength: 4 }),
});
const book = fc.dictionary(names, fc.dictionary(names, anyEntry, { minKeys: 1, maxKeys: 2 }), { maxKeys: 3 });

test('a baseline file reads back as written, and equal baselines give equal files', (t) => {
  const same = fc.property(book, (written) => {
    const text = textOf(written);
    const read = parseBook('baseline.yaml', text);
    t.deepEqual(read, { ...written });
    const turned = Object.fromEntries(Object.entries(read).reverse());
    return textOf(turned) === text;
  });
  t.notThrows(() => fc.assert(same, { numRuns: 100 }));
});

test('a damaged baseline file is rejected with its position, without a crash', (t) => {
  const whole = textOf({ httpd: { host: entry(peaks(five(MiB))) } });
  let wrong = 0;
  const damaged = fc.property(
    fc.nat({ max: whole.length }),
    fc.nat({ max: 30 }),
    fc.constantFrom('', '<<<<<<< HEAD\n', ': ', '[', '-', '\t', '*a', '9'.repeat(400), 'x'),
    (at, length, text) => {
      try {
        parseBook('x.yaml', whole.slice(0, at) + text + whole.slice(at + length));
      } catch (error) {
        wrong += 1;
        const { code, message } = refused(t, 'bad-baseline', () => {
          throw error;
        });
        return code === 'bad-baseline' && /^x\.yaml:[0-9]+:[0-9]+: /.test(message);
      }
      return true;
    },
  );
  t.notThrows(() => fc.assert(damaged, { numRuns: 1000 }));
  t.true(wrong > 500, String(wrong));
  t.is(
    valueOrNull(() => parseBook('x.yaml', 'version: 2\nscenarios: {}\n')),
    null,
  );
});

test('a baseline that covers the runs is not rewritten', (t) => {
  const before = entry(peaks([1, 2, 3, 4, 5].map((mib) => mib * MiB)));
  t.true(covers(before, entry(peaks([2 * MiB, 4 * MiB]))));
  t.false(covers(before, entry(peaks([2 * MiB, 6 * MiB]))));
  t.false(covers(before, entry(peaks(five(2 * MiB), { outcome: 'oom' }))));
  t.false(covers(before, entry(peaks(five(2 * MiB), { environment: { kernel: '7.0' } }))));
});

/** A suite of one scenario whose runs have these peaks, the last one repeatedly. */
function bench(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-baseline-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'baseline.yaml');
  const measure = async (
    given: readonly (number | 'failed')[],
    { update = false, text = '', strict = false, repeat = null as number | null } = {},
  ): Promise<ScenarioOutcome> => {
    const { scenario } = loadScenario(join(folder, 'a.yaml'), `description: a\nsteps:\n  - run: a\n${text}`);
    if (scenario === null) throw new Error('no scenario');
    let runs = 0;
    const attempt = async (): Promise<ScenarioAttempt> => {
      const peak = given[Math.min(runs, given.length - 1)] ?? 0;
      runs += 1;
      const status = peak === 'failed' ? 'failed' : 'passed';
      const made = peak === 'failed' ? result({ outcome: 'failed' }) : result({ kmem: { maxUsage: peak } });
      return {
        status,
        reasons: peak === 'failed' ? ['no'] : [],
        result: made,
        output: '',
        durationMs: 1,
        folder: null,
      };
    };
    const { signal } = new AbortController();
    const baselines = openBaselines({ file: null, update });
    const [outcome] = await runSuite([scenario], {
      ...{ kernel: null, repeat, retry: 0, strict, failFast: false, jobs: [null], keepDir: false, baselines },
      ...{ manner: AS_WRITTEN, signal, kill: signal, onStart: () => {}, onEnd: () => {}, attempt },
    });
    await baselines.save();
    if (outcome === undefined) throw new Error('no outcome');
    return outcome;
  };
  const kept = (): Book | null => readBook(file);
  return { file, measure, kept };
}

test('--update-baseline discards the first run, saves five, and rewrites only what changed', async (t) => {
  const { measure, kept } = bench(t);
  const outcome = await measure([9 * MiB, 2 * MiB], { update: true });
  t.like(outcome, { status: 'passed', attempts: 6, baseline: { state: 'new' } });
  t.deepEqual(kept()?.a?.host?.figures.kmem, five(2 * MiB));
  t.like(await measure([2 * MiB], { update: true }), { baseline: { state: 'kept' } });
  const changed = await measure([3 * MiB], { update: true });
  t.like(changed, {
    status: 'passed',
    notes: ['baseline: kmem peak +50 % (2 → 3 MiB)'],
    baseline: { state: 'changed' },
  });
  t.deepEqual(kept()?.a?.host?.figures.kmem, five(3 * MiB));
});

test('--update-baseline writes nothing for a scenario that does not pass', async (t) => {
  const { measure, kept } = bench(t);
  const outcome = await measure([MiB, MiB, 'failed'], { update: true });
  t.like(outcome, { status: 'failed', attempts: 3, baseline: { state: 'not-written' } });
  t.is(kept(), null);
});

test('a worse result is confirmed by further runs, then fails; a cold first run does not fail', async (t) => {
  const { measure } = bench(t);
  await measure([2 * MiB], { update: true });
  const worse = await measure([3 * MiB]);
  t.like(worse, { status: 'failed', attempts: 3, baseline: { state: 'compared' } });
  t.is(worse.reasons[0], 'kmem peak +50 % (2 → 3 MiB)');
  t.is(worse.reasons[1], 'baseline 2,097,152 in 5 runs, tolerance 10 %, at least 16 KiB; now 3,145,728 in 3 runs');
  t.regex(worse.reasons[2] ?? '', /^hint: if this is intended, rewrite .*baseline\.yaml with --update-baseline/);
  t.like(await measure([9 * MiB, 2 * MiB]), { status: 'passed', attempts: 2, reasons: [], notes: [] });
  t.like(await measure([2.1 * MiB]), { status: 'passed', attempts: 1, notes: [] });
});

test('an improvement passes with a note on how to save it', async (t) => {
  const { measure } = bench(t);
  await measure([2 * MiB], { update: true });
  const better = await measure([MiB]);
  t.like(better, { status: 'passed', attempts: 1 });
  t.deepEqual(better.notes, [
    'better than the baseline: kmem peak −50 % (2 → 1 MiB); --update-baseline makes that the baseline',
  ]);
});

test('a failing scenario also reports what changed', async (t) => {
  const { measure } = bench(t);
  await measure([MiB], { update: true });
  const outcome = await measure(['failed']);
  t.like(outcome, { status: 'failed', reasons: ['no'], attempts: 1 });
  t.true(
    outcome.notes.some((note) => note.startsWith('against the baseline: kmem peak +152 %')),
    String(outcome.notes),
  );
});

test('without a baseline file nothing is reported; a file without this scenario is noted', async (t) => {
  const { measure, file } = bench(t);
  t.like(await measure([MiB]), { status: 'passed', notes: [], baseline: null });
  const named = await measure([MiB], { text: 'baseline: { tolerance: 5% }\n' });
  t.like(named, { status: 'passed', notes: [`${file} has no baseline of a on host: --update-baseline writes one`] });
  const strict = await measure([MiB], { text: 'baseline: {}\n', strict: true });
  t.like(strict, { status: 'error', reasons: [`${file} has no baseline of a on host: --update-baseline writes one`] });
  await measure([MiB], { update: true, text: 'name: b\n' });
  t.is((await measure([MiB], { strict: true })).notes.length, 1);
  t.like(await measure([MiB], { text: 'baseline: false\n' }), { notes: [], baseline: null });
});
