import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { breadth } from '../../../src/report/terminal/cells.ts';
import { timelineText } from '../../../src/report/terminal/timeline.ts';
import type { Result } from '../../../src/result/schema.ts';
import { failure, hostile, result, step, storm } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const MiB = 1024 * 1024;

function samplesOf(values: readonly (number | null)[], everyMs = 100): Result['samples'] {
  return values.map((kmem, index) => ({
    ...{ atMs: index * everyMs, kmem, mem: null, processes: null, rss: null, cpuPercent: null },
  }));
}

function draw(made: Result, width: number | null = 80) {
  return timelineText(made, { color: false, width });
}

function rows(made: Result, width?: number) {
  return draw(made, width).split('\n');
}

test('kmem against its limit, failures as marks, steps as bands', (t) => {
  const made = result({
    durations: { wallMs: 1000 },
    limits: { kmem: 4 * MiB },
    kmem: { maxUsage: 4 * MiB },
    samples: samplesOf([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 2].map((size) => size * MiB)),
    failures: [failure({ atMs: 100 }), failure({ atMs: 800 }), failure({ atMs: 801 })],
    steps: [
      step('apachectl start', { atMs: 0, wallMs: 500 }),
      step('curl', { atMs: 510, wallMs: 10 }),
      step('apachectl stop', { atMs: 800, wallMs: 200, exit: { code: 1, signal: null } }),
    ],
  });
  t.is(
    draw(made),
    `  kmem over time: 13 readings, peak 4 MiB, limit 4 MiB (▔)
  × one failure, 2 to 9 that many, + more
     4 MiB │▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔███████▔▔▔▔▔▔▔
           │                                               ██████████████
           │                                        █████████████████████
           │      █                           ███████████████████████████
           │      █                    █████████████████████████████████████████
           │      █             ████████████████████████████████████████████████
           │      █      ███████████████████████████████████████████████████████
         0 │▁▁▁▁▁▁██████████████████████████████████████████████████████████████
  failures │      ×                                               2
    step 0 │├─ apachectl start ───────────────┤
    step 1 │                                  ├┤ curl
    step 2 │                               apachectl stop: exit 1 ├────────────┤
            0               250 ms         500 ms          750 ms            1 s
`,
  );
});

test('a missing reading is a gap; a reading of 0 is not', (t) => {
  const made = result({
    durations: { wallMs: 400 },
    limits: { kmem: null },
    samples: samplesOf([MiB, null, 0, MiB]),
    steps: [],
  });
  const bottom = rows(made, 49).find((line) => line.includes(' 0 │'));
  t.is(bottom, '      0 │██████████          ▁▁▁▁▁▁▁▁▁▁██████████');
});

test('a reading holds until the next is due, no longer; nothing is drawn before the first', (t) => {
  const samples = samplesOf([MiB, MiB, MiB, MiB, MiB, MiB, MiB, MiB, MiB, MiB, MiB]).filter(
    (_, index) => ![0, 5, 6, 7, 8, 9].includes(index),
  );
  const made = result({ durations: { wallMs: 1000 }, limits: { kmem: null }, samples });
  const bottom = rows(made, 71).find((line) => line.includes(' 0 │')) ?? '';
  const [, plot = ''] = bottom.split('│');
  t.is(plot, `${' '.repeat(6)}${'█'.repeat(28)}${' '.repeat(26)}█`);
});

test('a reading just below the limit is not drawn at it, one just above it is', (t) => {
  const at = (kmem: number) => {
    const made = result({
      steps: [],
      durations: { wallMs: 100 },
      limits: { kmem: MiB },
      samples: samplesOf([kmem, kmem]),
    });
    return rows(made).filter((line) => /[▁-█]/.test(line));
  };
  t.regex(at(MiB - 1)[0] ?? '', /^ {2}1 MiB │▇+$/);
  t.regex(at(MiB)[0] ?? '', /^ {2}1 MiB │█+$/);
  const [above = '', limit = ''] = at(MiB + 1);
  t.regex(above, /│▁+$/);
  t.regex(limit, /^ +1 MiB │█+$/);
});

test('a limit far above is mentioned but not drawn', (t) => {
  const made = result({ limits: { kmem: 1024 * MiB }, samples: samplesOf([MiB]) });
  t.regex(draw(made), /^ {2}kmem over time: 1 reading, peak 2\.52 MiB, limit 1 GiB, far above\n {3}1 MiB │/);
  t.notRegex(draw(made), /▔/);
});

test('without readings no curve is drawn, and the reason is given', (t) => {
  const off = result({ samples: [], spec: { sampleMs: null } });
  t.is(
    draw(off),
    `  kmem over time: no readings (--sample off), peak 2.52 MiB, limit 4 MiB
  step 0 │├─ apachectl start ──────────────────────────────────────────────────┤
          0               103 ms         206.1 ms        309.1 ms       412.1 ms
`,
  );
  const unread = result({ samples: samplesOf([null, null]), kmem: { maxUsage: null } });
  t.regex(draw(unread), /^ {2}kmem over time: no readings, limit 4 MiB\n/);
  t.notRegex(draw(unread), /[▁-█]/);
  t.is(draw(result({ samples: [], steps: [] })), '');
});

test('injected failures have their own row, and those only counted are mentioned', (t) => {
  const made = result({ failures: [failure({ atMs: 0, injected: true })], enforcement: { failuresDropped: 7 } });
  t.regex(draw(made), / {2}× one failure, 2 to 9 that many, \+ more; 7 later ones are only counted\n/);
  t.regex(draw(made), /\n {2}injected │×\n/);
  t.notRegex(draw(made), /\n {2}failures/);
  t.regex(draw(storm()), /failures │\+/);
});

test('steps that never started, whose end was not observed, or that do not fit', (t) => {
  const steps = [
    step('first', { wallMs: null, exit: { code: null, signal: null } }),
    ...Array.from({ length: 9 }, () => step('later', { atMs: null, wallMs: null, exit: { code: null, signal: null } })),
  ];
  const lines = rows(result({ steps, samples: [] }));
  t.is(lines[1], '  step 0 │├ first: no end seen');
  t.is(lines[2], '  step 1 │never started');
  t.is(lines.at(-2), '  and 2 more steps');
});

test('colour is added, and changes nothing else', (t) => {
  const made = result({ failures: [failure()], samples: samplesOf([MiB, 5 * MiB]) });
  const colored = timelineText(made, { color: true, width: 80 });
  t.not(colored, draw(made));
  t.is(stripVTControlCharacters(colored), draw(made));
});

test('the timeline is 80 columns wide without a terminal and stays readable on a wide one', (t) => {
  t.is(draw(result(), null), draw(result(), 80));
  t.true(rows(result(), 1000).every((line) => breadth(line) <= 120));
});

test('hostile names are escaped', (t) => {
  for (const width of [30, 80, 120]) t.deepEqual(dangerous(draw(hostile(), width), '\n'), []);
});

test('no line is wider than the terminal, and no measured values make it throw', (t) => {
  const ms = fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constant(0));
  const bytes = fc.option(fc.oneof(fc.nat(), fc.constant(0), fc.maxSafeNat()));
  const samples = fc
    .array(fc.record({ atMs: ms, kmem: bytes }), { maxLength: 200 })
    .map((all) =>
      all
        .toSorted((a, b) => a.atMs - b.atMs)
        .map((sample) => ({ ...sample, mem: null, processes: null, rss: null, cpuPercent: null })),
    );
  const command = fc.string({ unit: fc.constantFrom('a', '漢', '😀', '\u001b', ' ', 'e\u0301'), maxLength: 200 });
  const steps = fc.array(
    fc.record({ command, atMs: fc.option(ms), wallMs: fc.option(ms), code: fc.option(fc.nat(255)) }),
    { maxLength: 12 },
  );
  const failures = fc.array(fc.record({ atMs: ms, injected: fc.boolean() }), { maxLength: 50 });
  const wallMs = fc.option(ms);
  const property = fc.property(
    fc.record({ samples, steps, failures, wallMs, limit: bytes, width: fc.integer({ min: 1, max: 200 }) }),
    (given) => {
      const made = result({
        samples: given.samples,
        limits: { kmem: given.limit },
        durations: { wallMs: given.wallMs },
        failures: given.failures.map((changes) => failure(changes)),
        steps: given.steps.map(({ command: words, code, ...times }) =>
          step(words, { ...times, exit: { code, signal: null } }),
        ),
      });
      for (const line of rows(made, given.width)) {
        if (breadth(line) > given.width) throw new Error(`${breadth(line)} of ${given.width}: ${line}`);
      }
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 300 }));
});

test('only heights that were read are drawn', (t) => {
  const property = fc.property(
    fc.array(fc.option(fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 60 }),
    (heights) => {
      const samples = samplesOf(heights.map((height) => (height === null ? null : (height + 1) * MiB)));
      const made = result({ samples, limits: { kmem: 8 * MiB }, durations: { wallMs: null }, steps: [] });
      const lines = rows(made).filter((line) => /^ +(8 MiB|0|\S+ \S+)? ?│/.test(line));
      const most = Math.max(...heights.map((height) => (height === null ? 0 : height + 1)));
      if (most === 0) return lines.length === 0;
      const scale = (8 > 6 * most ? most : 8) / 8;
      const read = new Set(heights.map((height) => (height === null ? 0 : Math.round(((height + 1) / scale) * 8))));
      const plots = lines.map((line) => (line.split('│')[1] ?? '').replaceAll('▔', ' ').padEnd(80));
      const eighths = Array.from({ length: 80 }, (_, column) =>
        plots.reduce((sum, plot) => sum + ' ▁▂▃▄▅▆▇█'.indexOf(plot[column] ?? ' '), 0),
      );
      return eighths.every((height) => height === 0 || read.has(height));
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 200 }));
});
