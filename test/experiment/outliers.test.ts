import test from 'ava';
import { outliersOf, outlierWarnings } from '../../src/experiment/outliers.ts';

function runs(...times: (number | null)[]) {
  return times.map((wallMs, index) => ({ id: `r${index}`, passed: true, wallMs }));
}

test('a run that took much longer than the others stands out', (t) => {
  t.deepEqual(
    outliersOf(runs(100, 101, 102, 99, 400, 100)).map(({ id, wallMs, median }) => ({ id, wallMs, median })),
    [{ id: 'r4', wallMs: 400, median: 100.5 }],
  );
  t.is(outliersOf(runs(1000, 1001, 1002, 999, 100, 1000))[0]?.id, 'r4');
});

test('ordinary variation does not stand out', (t) => {
  t.deepEqual(outliersOf(runs(100, 104, 97, 101, 140, 99)), []);
  // Runs of a millisecond cannot be judged.
  t.deepEqual(outliersOf(runs(1, 1, 1, 1, 9)), []);
  // Widely spread anyway.
  t.deepEqual(outliersOf(runs(100, 300, 500, 200, 900)), []);
  t.deepEqual(outliersOf([]), []);
});

test('too few timed runs are not judged', (t) => {
  t.deepEqual(outliersOf(runs(100, 100, 100, 5000)), []);
  t.deepEqual(outliersOf(runs(100, 100, 100, null, 5000)), []);
});

test('failed runs are compared with each other', (t) => {
  const failed = runs(5, 5, 5, 5, 5).map((run) => ({ ...run, passed: false }));
  t.deepEqual(outliersOf([...runs(100, 100, 100, 100, 100), ...failed]), []);
});

test('one warning names the farthest first', (t) => {
  const kind = (name: string, far: number) => ({ name, figures: runs(100, 100, 100, 100, 100, far) });
  t.deepEqual(outlierWarnings([kind('kmem 1 MiB', 100)]), []);
  t.deepEqual(outlierWarnings([kind('kmem 1 MiB', 900)]), [
    'another program may have interfered: run r5 (kmem 1 MiB) took 900 ms, others 100 ms',
  ]);
  const [text = '', ...more] = outlierWarnings([kind('a', 300), kind('b', 900), kind('c', 500), kind('d', 600)]);
  t.deepEqual(more, []);
  t.regex(text, /\(b\).*\(d\).*\(c\).*, and 1 more$/);
});
