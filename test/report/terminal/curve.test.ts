import test from 'ava';
import fc from 'fast-check';
import { curveText } from '../../../src/report/terminal/curve.ts';

function draw(shares: (number | null)[], ticks: string[], width = 78) {
  return curveText({ series: [{ label: '', shares }], ticks }, width);
}

test('one curve is four rows high', (t) => {
  t.deepEqual(draw([0, 0.5, 0.75, 1], ['1 MiB', '2 MiB', '3 MiB', '4 MiB']), [
    '100 % │                  ██████',
    '      │            ████████████',
    '      │      ██████████████████',
    '  0 % ┤▁▁▁▁▁▁██████████████████',
    '       1 MiB     3 MiB    4 MiB',
  ]);
});

test('99 % is not drawn as 100 %, 1 % not as 0 %, and 0 % not as missing', (t) => {
  const [top, , , bottom] = draw([0.99, 1, 0.01, 0, null], ['1', '2', '3', '4', '5']);
  t.is(top, '100 % │▇▇▇▇▇▇██████');
  t.is(bottom, '  0 % ┤████████████▁▁▁▁▁▁▁▁▁▁▁▁······');
});

test('several curves have a row each', (t) => {
  const series = [
    { label: '5.10', shares: [0, 0, 0.5, 1] },
    { label: 'host', shares: [0, 0.25, 1, null] },
  ];
  t.deepEqual(curveText({ series, ticks: ['1 MiB', '2 MiB', '3 MiB', '4 MiB'] }, 78), [
    '5.10 ┤▁▁▁▁▁▁▁▁▁▁▁▁▄▄▄▄▄▄██████',
    'host ┤▁▁▁▁▁▁▂▂▂▂▂▂██████······',
    '      1 MiB     3 MiB    4 MiB',
  ]);
});

test('one point draws no curve', (t) => {
  t.deepEqual(draw([1], ['1 MiB']), []);
  t.deepEqual(curveText({ series: [], ticks: ['1', '2'] }, 78), []);
});

test('no line is wider than requested, whatever is drawn', (t) => {
  const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }));
  const points = fc.array(fc.tuple(share, share, fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })), {
    minLength: 2,
    maxLength: 300,
  });
  const property = fc.property(points, fc.integer({ min: 20, max: 80 }), fc.boolean(), (given, width, two) => {
    const series = [
      { label: 'first', shares: given.map(([first]) => first) },
      { label: 'a long name of a second one', shares: given.map(([, second]) => second) },
    ].slice(0, two ? 2 : 1);
    for (const line of curveText({ series, ticks: given.map(([, , tick]) => tick) }, width)) {
      t.true([...line].length <= width, line);
    }
  });
  fc.assert(property, { numRuns: 300 });
});

test('500 points in 80 columns: each column is the mean of its points', (t) => {
  const shares = Array.from({ length: 500 }, (_, index) => (index < 250 ? 0 : 1));
  const [top = ''] = draw(
    shares,
    shares.map((_, index) => `${index}`),
    80,
  );
  t.is([...top].length, 80);
  t.is(top.indexOf('█'), 8 + 36);
});
