import test from 'ava';
import {
  bisectReport,
  comparisonOf,
  courseOf,
  exploreReport,
  scenariosReport,
  sweepOf,
  sweepPoint,
} from '../../fixtures/reports.ts';
import { HOSTILE_TEXT, hostile, result } from '../../fixtures/results.ts';
import { drawn, pageText, rowsOf, until, withPage } from './browser.ts';

const KiB = 1024;
const sweep = sweepOf(
  ['kmem'],
  [
    [64, 0],
    [128, 1],
    [192, 4],
  ].map(([kmem = 0, passed = 0]) => sweepPoint({ kmem: kmem * KiB }, passed, 4)),
);

test.serial('a run: the plot and the tables show the numbers of the result', async (t) => {
  const run = courseOf();
  await withPage(t, pageText([{ kind: 'run', result: run }]), async (page) => {
    const { kmem = [], processes = [], failures = [] } = await drawn(page, 'd1-timeline');
    t.deepEqual(
      kmem,
      run.samples.map(({ atMs, kmem: value }) => [atMs, value]),
    );
    t.deepEqual(
      processes,
      run.samples.map(({ atMs, processes: value }) => [atMs, value]),
    );
    t.deepEqual(
      failures.map((mark) => (Array.isArray(mark) ? mark : (mark as { value: number[] }).value)),
      // Values that were not read are marked at the limit, and their text says so.
      [
        [440, 2_617_344],
        [445, 2_621_440],
        [450, 2_621_440],
      ],
    );
    await page.locator('#d1-timeline summary').click();
    const rows = await rowsOf(page, '[data-numbers="d1-timeline"]');
    t.deepEqual(rows[1], ['10 ms', '146.48 KiB (150,000)', '4.77 MiB (5,001,000)', 'not sampled', '1']);
    t.is(rows[7]?.[1], 'not read');
    t.is(rows.length, 50);
  });
});

test.serial('a mark opens by click or keyboard and shows all known details of the call', async (t) => {
  await withPage(t, pageText([{ kind: 'run', result: courseOf() }]), async (page) => {
    await drawn(page, 'd1-timeline');
    const at = (await page.evaluate(
      "window.kmemRunPlots.get('d1-timeline').convertToPixel({ seriesId: 'failures' }, [440, 2617344])",
    )) as [number, number];
    const mark = page.locator('#d1-timeline .mark');
    await page.locator('[data-plot="d1-timeline"]').click({ position: { x: at[0], y: at[1] } });
    await mark.getByText('mod_negotiation.so').waitFor();
    t.regex(await mark.innerText(), /1 of 3[\s\S]*apache2 \(15660\)[\s\S]*mmap, ENOMEM[\s\S]*in step 2/);
    await page.locator('[data-plot="d1-timeline"]').focus();
    await page.keyboard.press('ArrowRight');
    t.regex(
      await mark.innerText(),
      /2 of 3[\s\S]*httpd-worker \(77\)[\s\S]*\/etc\/passwd[\s\S]*kernel memory\s+not read/,
    );
    await page.keyboard.press('End');
    t.regex(await mark.innerText(), /3 of 3[\s\S]*clone, EAGAIN/);
    await page.keyboard.press('Escape');
    t.is(await mark.innerText(), '');
  });
});

test.serial('failures can be searched, filtered, sorted and grouped', async (t) => {
  const many = courseOf().failures.flatMap((one) =>
    Array.from({ length: 40 }, (_, index) => ({ ...one, atMs: one.atMs + index })),
  );
  await withPage(t, pageText([{ kind: 'run', result: courseOf({ failures: many }) }]), async (page) => {
    const table = page.locator('[data-table="d1-failures"]');
    t.is((await rowsOf(page, '[data-table="d1-failures"]')).length, 50);
    t.is(await table.getByRole('status').innerText(), 'rows 1 to 50 of 120');
    await table.getByRole('button', { name: 'Further' }).click();
    t.is(await table.getByRole('status').innerText(), 'rows 51 to 100 of 120');
    await table.getByRole('searchbox').fill('PASSWD');
    t.is(await table.getByRole('status').innerText(), '40 rows, found in 120');
    await table.getByRole('searchbox').fill('');
    await table.getByLabel('Only call').selectOption('clone');
    const rows = await rowsOf(page, '[data-table="d1-failures"]');
    t.deepEqual([rows.length, new Set(rows.map((row) => row[3]))], [40, new Set(['clone'])]);
    await table.getByRole('button', { name: 'at', exact: true }).click();
    await table.getByRole('button', { name: /^at/ }).click();
    t.is((await rowsOf(page, '[data-table="d1-failures"]'))[0]?.[0], '489 ms');
    await table.getByLabel('Only call').selectOption('all');
    await table.getByLabel('Group by').selectOption('program');
    t.deepEqual((await rowsOf(page, '[data-table="d1-failures"]')).toSorted(), [
      ['apache2', '40'],
      ['httpd-worker', '40'],
      ['sh', '40'],
    ]);
    await table.getByRole('searchbox').fill('nothing like it');
    t.is(await table.getByRole('status').innerText(), '0 groups of 0 rows');
  });
});

test.serial('a sweep: the curve with its interval, the measured peaks and the points', async (t) => {
  await withPage(t, pageText([{ kind: 'experiment', report: sweep }]), async (page) => {
    const { '0-share': share, '0-low': low } = await drawn(page, 'd1-survival');
    t.deepEqual(share, [
      [64 * KiB, 0],
      [128 * KiB, 0.25],
      [192 * KiB, 1],
    ]);
    t.is((low?.[1] as number[] | undefined)?.[1]?.toFixed(4), '0.0456');
    const { passed = [], failed = [] } = await drawn(page, 'd1-peaks');
    t.deepEqual([passed.length, failed.length], [4, 5]);
    const rows = await rowsOf(page, '[data-table="d1-points"]');
    t.deepEqual(
      rows.map((row) => row.slice(0, 3)),
      [
        ['64 KiB', '4', '0'],
        ['128 KiB', '4', '1'],
        ['192 KiB', '4', '4'],
      ],
    );
  });
});

test.serial('two swept options: one cell for each pair', async (t) => {
  const points = [1, 2].flatMap((pids) =>
    [64, 128].map((kmem) => sweepPoint({ kmem: kmem * KiB, pids }, pids + kmem / 64 - 2, 3)),
  );
  await withPage(t, pageText([{ kind: 'experiment', report: sweepOf(['kmem', 'pids'], points) }]), async (page) => {
    const { share = [] } = await drawn(page, 'd1-heatmap');
    t.deepEqual(
      share.map((field) => (field as { value: number[] }).value),
      [
        [0, 0, 0],
        [1, 0, 1 / 3],
        [0, 1, 1 / 3],
        [1, 1, 2 / 3],
      ],
    );
  });
});

test.serial('a bisection: the search path and what failed just below the limit', async (t) => {
  await withPage(t, pageText([{ kind: 'experiment', report: bisectReport }]), async (page) => {
    const { path, passed } = await drawn(page, 'd1-search');
    t.deepEqual(path, [
      [1, 262_144],
      [2, 393_216],
      [3, 327_680],
      [4, 331_776],
    ]);
    t.deepEqual(passed, [
      [2, 393_216],
      [4, 331_776],
    ]);
    t.true(await page.getByText('It passes at 331,776, fails at 327,680 (2/2 each).').isVisible());
    t.is((await rowsOf(page, '[data-table="d1-failures"]')).length, 3);
  });
});

test.serial('an exploration: processes as a tree, calls by class, filters, lines to copy', async (t) => {
  await withPage(t, pageText([{ kind: 'experiment', report: exploreReport }]), async (page) => {
    const { crash, handled } = await drawn(page, 'd1-tree');
    // Rows: 0, 0.1, 0.2, 0.2.t1; a call that failed with all later ones is slightly to the right.
    t.deepEqual(
      [crash, handled],
      [
        [[3, 1]],
        [
          [2, 0],
          [4, 0],
          [5.3, 3],
        ],
      ],
    );
    const table = page.locator('[data-table="d1-calls"]');
    t.is((await rowsOf(page, '[data-table="d1-calls"]')).length, 5);
    await table.getByLabel('Only class').selectOption('crash');
    const [row = []] = await rowsOf(page, '[data-table="d1-calls"]');
    t.deepEqual(row.slice(0, 4), ['crash', '0.1', 'ls', 'mmap']);
    await page.evaluate('navigator.clipboard.writeText = (text) => { window.taken = text; return Promise.resolve(); }');
    await table.getByRole('button', { name: /^Copy/ }).click();
    t.is(await page.evaluate('window.taken'), "kmem-run --fail 0.1/3:mmap -- sh -c 'ls | cat'");
  });
});

test.serial('a comparison: both runs overlaid, each with its limit, and the differences', async (t) => {
  const [a, b] = [
    courseOf({ id: 'a' }),
    courseOf({ id: 'b', limits: { kmem: 4_194_304 }, failures: [], failureCounts: [] }),
  ];
  await withPage(t, pageText([comparisonOf([a], [b])]), async (page) => {
    const found = await drawn(page, 'd1-comparison');
    t.deepEqual(
      found['run-0'],
      a.samples.map(({ atMs, kmem }) => [atMs, kmem]),
    );
    t.deepEqual(
      found['run-1'],
      b.samples.map(({ atMs, kmem }) => [atMs, kmem]),
    );
    t.deepEqual([found['failures-0']?.length, found['failures-1']?.length], [3, 0]);
    t.true(
      await page
        .getByRole('cell', { name: /^in 1 of 1$/ })
        .first()
        .isVisible(),
    );
  });
});

test.serial('scenarios: the outcome of each, and the runs of those that did not pass', async (t) => {
  await withPage(t, pageText([{ kind: 'scenarios', report: scenariosReport }]), async (page) => {
    t.true(await page.getByRole('rowheader', { name: 'pipes on 5.10' }).isVisible());
    t.is(await page.locator('pre.output').innerText(), 'line one\n<b>line two</b>\n');
    const { kmem = [] } = await drawn(page, 'd1s1-timeline');
    t.is(kmem.length, 50);
  });
});

test.serial('text chosen by a program stays text in the page, its data, its tables and its marks', async (t) => {
  const attack = '</script><script>window.owned = 1</script><img src=x onerror="window.owned=2">\'"&lt;';
  const bad = hostile();
  const documents = [
    { kind: 'run', result: bad },
    {
      kind: 'run',
      result: courseOf({
        spec: { command: [attack] },
        outcome: 'failed',
        warnings: [attack],
        failures: courseOf().failures.map((one) => ({ ...one, comm: attack, detail: attack })),
      }),
    },
    {
      kind: 'scenarios',
      report: {
        ...scenariosReport,
        scenarios: scenariosReport.scenarios.map((one) => ({ ...one, title: attack, output: attack })),
      },
    },
  ] as const;
  const text = pageText(documents, { title: attack });
  await withPage(t, text, async (page) => {
    await drawn(page, 'd2-timeline');
    const rows = await rowsOf(page, '[data-table="d2-failures"]');
    t.is(rows[0]?.[1], attack);
    await page.locator('[data-plot="d2-timeline"]').focus();
    await page.keyboard.press('ArrowRight');
    t.true((await page.locator('#d2-timeline .mark').innerText()).includes('<script>window.owned = 1</script>'));
    t.is(await page.evaluate('window.owned'), undefined);
    t.is(await page.locator('main img, main script').count(), 0);
    t.true((await page.title()).startsWith('</script><script>'));
    // Controls and bidi overrides are displayed as escapes.
    const shown = await page.locator('#d1').innerText();
    t.false(['\u001b', '\u202e', '\u007f', '\u009b'].some((hidden) => shown.includes(hidden)));
    t.true(shown.includes('\\u{202e}') && HOSTILE_TEXT.includes('\u202e'));
  });
});

test.serial('a script injected into the page does not run', async (t) => {
  const text = pageText([{ kind: 'run', result: courseOf() }]);
  const injected = text.replace(
    '<main id="content">',
    '<main id="content"><script>window.owned = 1</script><p onclick="window.owned = 2" id="bait">x</p>',
  );
  t.not(injected, text);
  await withPage(
    t,
    injected,
    async (page) => {
      await page.locator('#bait').click();
      t.is(await page.evaluate('window.owned'), undefined);
    },
    { complaint: /Content Security Policy/ },
  );
});

test.serial('the page is accessible: names, landmarks, headings and tables', async (t) => {
  await withPage(
    t,
    pageText([
      { kind: 'run', result: courseOf() },
      { kind: 'experiment', report: sweep },
    ]),
    async (page) => {
      t.is(await page.getByRole('main').count(), 1);
      t.is(await page.getByRole('navigation', { name: 'Contents' }).getByRole('link').count(), 2);
      t.is(await page.getByRole('heading', { level: 1 }).count(), 1);
      t.is(await page.getByRole('heading', { level: 2 }).count(), 2);
      const plot = page.getByRole('application', { name: 'Over time' });
      t.regex(
        (await page.locator(`#${await plot.getAttribute('aria-describedby')}`).innerText()) ?? '',
        /in 50 samples: peak 2\.52 MiB, limit 2\.5 MiB, 3 calls failed/,
      );
      const unnamed =
        await page.evaluate(`[...document.querySelectorAll('table')].filter((table) => !table.caption?.textContent).length
      + [...document.querySelectorAll('th')].filter((th) => !th.scope).length
      + [...document.querySelectorAll('button, select, input')].filter((one) => !(one.ariaLabel || one.textContent || one.labels?.length)).length`);
      t.is(unnamed, 0);
      await page.keyboard.press('Tab');
      t.is(await page.evaluate('document.activeElement.textContent'), 'Skip to the report');
    },
  );
});

test.serial('dark mode follows the preference, and the page fits a phone’s width', async (t) => {
  const text = pageText([
    { kind: 'run', result: courseOf() },
    { kind: 'experiment', report: exploreReport },
  ]);
  await withPage(
    t,
    text,
    async (page) => {
      await drawn(page, 'd1-timeline');
      t.is(await page.evaluate('document.documentElement.scrollWidth'), 400);
      t.is(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(20, 24, 29)');
      const color = "window.kmemRunPlots.get('d1-timeline').getOption().textStyle.color";
      t.is(await page.evaluate(color), '#e6edf3');
      await page.emulateMedia({ colorScheme: 'light' });
      await until(page, `${color} === '#1b1f24'`);
      t.is(await page.evaluate(color), '#1b1f24');
    },
    { width: 400, colorScheme: 'dark' },
  );
});

test.serial('a missing measurement is labelled, never 0', async (t) => {
  const nothing = { maxUsage: null, usage: null, failcnt: null };
  const run = result({
    kmem: { ...nothing, overshoot: null, parts: null },
    mem: nothing,
    pids: null,
    samples: [],
    durations: { wallMs: null },
  });
  await withPage(t, pageText([{ kind: 'run', result: run }]), async (page) => {
    const shown = await page.locator('.figures').first().innerText();
    t.regex(shown, /Peak of kernel memory\s+not read/);
    t.regex(shown, /Processes at once\s+not read/);
    t.true(await page.getByText('It is unknown whether anything failed.').isVisible());
  });
});
