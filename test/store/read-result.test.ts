import test from 'ava';
import { textReport } from '../../src/report/terminal/run.ts';
import { asPresentResult } from '../../src/store/read-result.ts';
import { apacheStopFails, hostile, result, setupError, storm, unread } from '../fixtures/results.ts';

const options = { color: false, width: null, verbose: true };

test('a result of the current schema is unchanged', (t) => {
  for (const made of [result(), apacheStopFails(), unread(), setupError(), storm(), hostile()]) {
    t.deepEqual(asPresentResult(JSON.parse(JSON.stringify(made))), made);
  }
});

test('a result saved before keys were added can be shown', (t) => {
  const { inject: _, allowIoUring: __, traceGate: ___, quietForMs: _q, quietLimitMs: _l, ...spec } = result().spec;
  const { reserve: ____, vm: _____, ...enforcement } = result().enforcement;
  const { leftover: ______, ...rest } = result();
  const steps = rest.steps.map(({ kind: _k, ...step }) => step);
  const kept = { ...rest, steps, spec, enforcement };
  const shown = asPresentResult(kept);
  t.like(shown.spec, { inject: [], allowIoUring: false, traceGate: null, quietForMs: 500, quietLimitMs: 5000 });
  t.true(shown.steps.length > 0 && shown.steps.every(({ kind }) => kind === 'command'));
  t.like(shown.enforcement, { reserve: null, vm: null });
  t.deepEqual(shown.leftover, []);
  t.regex(textReport(shown, options), /^kmem-run: passed/);
});

test('a result of a later kmem-run with unknown keys can be shown', (t) => {
  const kept = { ...result(), weather: 'fair', kmem: { ...result().kmem, colour: 'red' } };
  t.regex(textReport(asPresentResult(kept), options), /^kmem-run: passed/);
});

test('an invalid result is reported with a way to view it', (t) => {
  for (const kept of [
    { id: 'x', schemaVersion: 1 },
    { ...result(), id: 'x', outcome: 'splendid' },
  ]) {
    const error = t.throws(() => asPresentResult(kept), {
      code: 'result-unreadable',
      message: /^this kmem-run cannot read the result of run x /,
    });
    t.is((error as { hint?: string }).hint, 'print it unchanged: kmem-run show x --json');
  }
  t.throws(() => asPresentResult(null), { code: 'result-unreadable' });
});
