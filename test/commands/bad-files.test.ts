import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { readScenarios } from '../../src/scenario/read-report.ts';
import { result } from '../fixtures/results.ts';
import { assertRefused, makeHarness } from '../harness.ts';

const error = { code: 'unreadable-report', hint: 'make it anew' };

function scenariosReport() {
  const scenario = {
    ...{ name: 'one', file: 'one.yaml', kernel: 'host', tags: ['quick'], title: 'what it shows', status: 'passed' },
    ...{ flaky: false, reasons: [], notes: ['a note'], output: '', attempts: 1, durationMs: 12, folders: [] },
    baseline: {
      ...{ file: 'baseline.yaml', state: 'compared', warnings: [] },
      changes: [
        {
          ...{ key: 'kmem', verdict: 'worse', text: 'more' },
          ...{ before: { runs: 1, min: 1, median: 1, max: 1 }, now: { runs: 1, min: 2, median: 2, max: 2 } },
        },
        { key: 'outcome', verdict: 'other', text: 'else', before: { passed: 2 }, now: { failed: 1 } },
      ],
    },
    results: [result()],
  };
  return {
    ...{ kind: 'scenarios', schemaVersion: 1, kmemRun: '0.1.0', startedAt: '2026-01-02T03:04:05.000Z' },
    ...{ durationMs: 12, status: 'done', shard: { index: 1, of: 2 }, scenarios: [scenario] },
  };
}

/** Every place in a value, as the keys that lead there. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => placesIn(each, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const part = replaced((value as Record<string, unknown>)[key], rest, by);
  return Array.isArray(value) ? value.with(Number(key), part) : { ...(value as object), [key]: part };
}

test('a scenario report is read as it was written', (t) => {
  const report = scenariosReport();
  t.deepEqual(readScenarios('x.json', report, error), report as never);
});

test('a scenario report with any part replaced is either read or rejected', (t) => {
  const report = scenariosReport();
  const own = placesIn({ ...report, scenarios: report.scenarios.map(({ results: _, ...rest }) => rest) });
  const odd = fc.constantFrom<unknown>(null, true, -1, 2 ** 53, '', 'x', [], {}, [null], { a: 1 }, undefined);
  let refused = 0;
  const property = fc.property(fc.constantFrom(...own), odd, (place, value) => {
    try {
      readScenarios('x.json', replaced(report, place, value), error);
    } catch (thrown) {
      refused += 1;
      t.like(thrown, { name: 'SetupError', code: error.code, hint: error.hint });
    }
  });
  fc.assert(property, { numRuns: 400 });
  t.true(refused > 200, `${refused} of 400`);
});

test('no command that reads a file blocks on it or reads without end', async (t) => {
  const { run, path, assertNothingLeft } = makeHarness(t);
  execFileSync('mkfifo', [path('fifo.json')]);
  execFileSync('mkfifo', [path('fifo.yaml')]);
  execFileSync('mkfifo', [path('baseline.yaml')]);
  writeFileSync(path('deep.json'), '['.repeat(100_000) + ']'.repeat(100_000));
  execFileSync('truncate', ['-s', '3G', path('large.json')]);
  const commands = [
    [['merge', 'fifo.json'], /fifo\.json" cannot be read: it is a pipe/],
    [['report', 'fifo.json', '--html', '-'], /fifo\.json" cannot be read: it is a pipe/],
    [['replay', 'fifo.json'], /fifo\.json" cannot be read: it is a pipe/],
    [['scenario', 'check', 'fifo.yaml'], /fifo\.yaml" cannot be read: it is a pipe/],
    [['merge', '/dev/full'], /"\/dev\/full" cannot be read: it is a device/],
    [['report', '/dev/full', '--html', '-'], /"\/dev\/full" cannot be read: it is a device/],
    [['report', 'large.json', '--html', '-'], /large\.json" cannot be read: it is larger than 256 MiB/],
    [['report', 'deep.json', '--html', '-'], /deep\.json" cannot be read: it is nested more than 200 levels deep/],
  ] as const;
  for (const [args, reason] of commands) {
    const ran = await run(args, { json: false });
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, reason);
  }
  const held = await run(['scenario', 'run', 'sockets-tcp', '--baseline', 'baseline.yaml'], { json: false });
  t.is(held.status, 125);
  t.regex(held.stdout, /baseline\.yaml" cannot be read: it is a pipe/);
  assertNothingLeft();
});

test('a modified experiment report is rejected', async (t) => {
  const { run, path } = makeHarness(t);
  const sweep = { kind: 'sweep', schemaVersion: 1, points: [null], axes: [], command: ['true'] };
  writeFileSync(path('sweep.json'), JSON.stringify(sweep));
  const ran = await run(['report', 'sweep.json', '--html', '-'], { json: false });
  t.is(ran.status, 125);
  assertRefused(t, ran, /^kmem-run: "sweep\.json" cannot be drawn: the report is incomplete$/m);
});
