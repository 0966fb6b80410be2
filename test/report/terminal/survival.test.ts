import test from 'ava';
import fc from 'fast-check';
import { breadth } from '../../../src/report/terminal/cells.ts';
import { searchPathText, survivalOfTrials } from '../../../src/report/terminal/search-path.ts';
import { survivalText } from '../../../src/report/terminal/survival.ts';

const plain = { color: false, width: 80 };
const MiB = 1024 * 1024;

function trial(limit: number, passed: boolean, phase = 'search') {
  return {
    ...{
      limit,
      phase,
      passed,
      id: 'r',
      outcome: passed ? ('passed' as const) : ('failed' as const),
      peak: null,
      failcnt: null,
      wallMs: null,
    },
  };
}

test('a bar and a confidence interval for each limit', (t) => {
  const shares = [{ passed: 0, runs: 5 }, { passed: 1, runs: 5 }, null, { passed: 4, runs: 5 }, { passed: 5, runs: 5 }];
  const ticks = ['1 MiB', '1.5 MiB', '2 MiB', '2.5 MiB', '3 MiB'];
  t.is(
    survivalText({ along: 'kmem', ticks, series: [{ label: '', shares }] }, plain),
    `  runs that pass, over kmem; │ is the 95 % confidence interval
  100 % │                              │ ██████│
        │                        ▃▃▃▃▃▃│ ██████│
        │                        ██████│ ██████│
        │              │         ██████│ ██████╵
   50 % │      ╷       │         ██████│ ██████
        │      │       │         ██████  ██████
        │      │ ▅▅▅▅▅▅│         ██████  ██████
    0 % │▁▁▁▁▁▁│ ██████│ ······  ██████  ██████
         1 MiB   1.5 MiB 2 MiB   2.5 MiB 3 MiB
`,
  );
});

test('few settings of other limits have a plot each, many have a row each', (t) => {
  const shares = [
    { passed: 0, runs: 1 },
    { passed: 1, runs: 1 },
  ];
  const series = (count: number) => Array.from({ length: count }, (_, index) => ({ label: `k${index}`, shares }));
  const two = survivalText({ along: 'kmem', ticks: ['1 MiB', '2 MiB'], series: series(2) }, plain);
  t.is(two.match(/runs that pass, over kmem, at k[01]; /g)?.length, 2);
  const five = survivalText({ along: 'kmem', ticks: ['1 MiB', '2 MiB'], series: series(5) }, plain);
  t.is(five.split('\n').length, 1 + 5 + 1 + 1);
  t.is(survivalText({ along: 'kmem', ticks: ['1 MiB'], series: series(1) }, plain), '');
});

test('the trials of a bisection are in order', (t) => {
  const trials = [trial(4 * MiB, true, 'bracket'), trial(2 * MiB, false), trial(3 * MiB, true), trial(2 * MiB, false)];
  t.is(
    searchPathText({ trials }, { color: false, width: 60 }),
    `  the search, one trial per line: ● passed, × failed
   1 bracket 4 MiB │                                       ●
   2 search 2 MiB  │×
   3 search 3 MiB  │                    ●
   4 search 2 MiB  │×
                    2 MiB                              4 MiB
`,
  );
  t.deepEqual(survivalOfTrials(trials), {
    along: 'kmem',
    ticks: ['2 MiB', '3 MiB', '4 MiB'],
    series: [
      {
        label: '',
        shares: [
          { passed: 0, runs: 2 },
          { passed: 1, runs: 1 },
          { passed: 1, runs: 1 },
        ],
      },
    ],
  });
  t.is(searchPathText({ trials: [] }, plain), '');
  t.regex(searchPathText({ trials: Array(50).fill(trial(MiB, true)) }, plain), /\n {2}and 10 more trials\n$/);
});

test('no line is wider than the terminal, whatever is drawn', (t) => {
  const share = fc.option(
    fc.tuple(fc.nat(20), fc.nat(20)).map(([passed, failed]) => ({ passed, runs: passed + failed + 1 })),
  );
  const shares = fc.array(share, { minLength: 0, maxLength: 60 });
  const width = fc.integer({ min: 1, max: 150 });
  const property = fc.property(shares, fc.nat(6), width, (given, others, columns) => {
    const ticks = given.map((_, index) => `${index * 1000} KiB`);
    const series = Array.from({ length: others }, (_, index) => ({ label: `kernel 6.${index} 漢漢`, shares: given }));
    const trials = given.flatMap((one, index) => (one === null ? [] : [trial(index * 4096, one.passed > 0)]));
    const text =
      survivalText({ along: 'kmem', ticks, series }, { color: false, width: columns }) +
      searchPathText({ trials }, { color: false, width: columns });
    for (const line of text.split('\n')) {
      if (breadth(line) > columns) throw new Error(`${breadth(line)} of ${columns}: ${line}`);
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 300 }));
});
