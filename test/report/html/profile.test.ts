import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { Page } from 'playwright-core';
import type { Profile } from '../../../src/result/schema.ts';
import {
  amount,
  apacheProfile,
  hostileProfile,
  largeProfile,
  profile,
  profileRow,
} from '../../fixtures/page-profiles.ts';
import { courseOf } from '../../fixtures/reports.ts';
import { HOSTILE_TEXT } from '../../fixtures/results.ts';
import { pageText, rowsOf, withPage } from './browser.ts';

const TITLE = 'Where kernel memory went';

function textWith(data: Profile | null): string {
  return pageText([{ kind: 'run', result: courseOf({ profile: data }) }]);
}

async function withProfile(
  t: ExecutionContext,
  data: Profile,
  look: (page: Page) => Promise<void>,
  view: Parameters<typeof withPage>[3] = {},
): Promise<void> {
  await withPage(
    t,
    textWith(data),
    async (page) => {
      await page.locator('[data-profile]').scrollIntoViewIfNeeded();
      await page.getByRole('tree').waitFor();
      await look(page);
    },
    view,
  );
}

/** Names of boxes; those that a level has, from the left. */
function names(page: Page, level: number): Promise<string[]> {
  return page
    .locator(`.boxes .box[aria-level="${level}"]`)
    .evaluateAll((boxes) =>
      boxes.map((box) => (box as unknown as { ariaLabel: string }).ariaLabel.split(',')[0] ?? ''),
    );
}

function focused(page: Page): Promise<unknown> {
  return page.evaluate('document.activeElement.ariaLabel');
}

async function press(page: Page, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

test.serial('a run with a profile has the section, one without has none', async (t) => {
  t.false(textWith(null).includes(TITLE));
  await withProfile(t, apacheProfile(), async (page) => {
    t.true(await page.getByRole('heading', { name: TITLE }).isVisible());
    t.true(await page.getByText('100 KiB, of which the profile explains 80 KiB (80 %)').isVisible());
    t.deepEqual(await names(page, 2), ['pages', 'slab objects', 'not explained']);
    t.deepEqual(await names(page, 3), ['page tables', 'socket buffers', 'inodes']);
    t.is(await page.locator('.unseen.box[role="treeitem"]').count(), 4);
  });
});

test.serial('the table shows the parts, without scripts too', async (t) => {
  const data = apacheProfile();
  const [first = profileRow()] = data.rows;
  const twice = { ...data, rows: [...data.rows, { ...first, user: [], atPeak: amount(1, 4096) }] };
  const withoutScripts = textWith(twice).replaceAll(/<script[\s\S]*?<\/script>/g, '');
  await withPage(t, withoutScripts, async (page) => {
    const rows = await rowsOf(page, '.parts');
    t.deepEqual(rows[0], [
      ...['page tables', 'pages', 'page fault', 'apache2', '44 KiB (45,056)', '11', '16 KiB (16,384)', '4'],
      ...['96 KiB (98,304)', '24', 'seen'],
    ]);
    t.deepEqual([rows.length, rows[2]?.[0], rows[2]?.at(-1)], [3, 'inodes', 'not seen']);
  });
});

test.serial('only the largest parts are in the table; the others are one line', async (t) => {
  const many = Array.from({ length: 130 }, (_, at) => profileRow({ what: `use ${at}`, atPeak: amount(200 - at, 64) }));
  await withPage(t, textWith(profile(many)), async (page) => {
    const rows = await rowsOf(page, '.parts');
    t.is(rows.length, 101);
    // 100 + 99 + … + 71 objects.
    t.deepEqual(rows[100]?.slice(0, 6), ['30 smaller parts', '–', '–', '–', '160.31 KiB (164,160)', '2,565']);
  });
});

test.serial('the graph is used by keyboard: move, zoom in, zoom out', async (t) => {
  await withProfile(t, apacheProfile(), async (page) => {
    await page.getByLabel('Search').last().focus();
    await press(page, 'Tab');
    t.regex(String(await focused(page)), /^all, 100 KiB, 122 objects, 100 % of the peak/);
    await press(page, 'ArrowDown', 'ArrowRight');
    t.is(await focused(page), 'slab objects, 40 KiB, 112 objects, 40 % of the peak, releases partly not seen');
    t.regex(
      await page.locator('.details').innerText(),
      /slab objects[\s\S]*at the peak\s+40 KiB \(40,960\), 112 objects, 40 %/,
    );
    await press(page, 'End');
    t.is(await focused(page), 'not explained, 20 KiB, 20 % of the peak');
    await press(page, 'ArrowLeft', 'Enter');
    t.deepEqual([await names(page, 1), await names(page, 2)], [['all'], ['slab objects']]);
    t.deepEqual(await names(page, 3), ['socket buffers', 'inodes']);
    t.regex(String(await focused(page)), /^slab objects/);
    await press(page, 'ArrowDown', 'Enter', 'ArrowUp');
    t.deepEqual(await names(page, 3), ['socket buffers']);
    t.regex(String(await focused(page)), /^slab objects/);
    await press(page, 'Escape');
    t.deepEqual(await names(page, 3), ['socket buffers', 'inodes']);
    await press(page, 'Backspace');
    t.deepEqual(await names(page, 2), ['pages', 'slab objects', 'not explained']);
    t.regex(String(await focused(page)), /^slab objects/);
    t.is(await page.locator('.boxes [tabindex="0"]').count(), 1);
  });
});

test.serial('a click zooms in, and a button zooms out', async (t) => {
  await withProfile(t, apacheProfile(), async (page) => {
    const out = page.getByRole('button', { name: 'Zoom out' });
    t.true(await out.isDisabled());
    await page.getByRole('treeitem', { name: /^inodes/ }).click();
    t.deepEqual([await names(page, 2), await names(page, 3)], [['slab objects'], ['inodes']]);
    await out.click();
    t.deepEqual(await names(page, 2), ['pages', 'slab objects', 'not explained']);
    await page.getByRole('treeitem', { name: /^page tables/ }).hover();
    t.regex(await page.locator('.details').innerText(), /^page tables/);
  });
});

test.serial('the switches show what is left at the end, the total, and programs first', async (t) => {
  await withProfile(t, apacheProfile(), async (page) => {
    await page.getByRole('combobox', { name: 'Show' }).selectOption('left at the end');
    const items = () => page.getByRole('treeitem').evaluateAll((all) => all.length);
    t.true(await page.getByRole('treeitem', { name: 'inodes, 8 KiB, 8 objects, 50 % of what is left' }).isVisible());
    t.is(await page.getByRole('treeitem', { name: /socket buffers/ }).count(), 0);
    await page.getByRole('combobox', { name: 'Show' }).selectOption('allocated in total');
    t.true(
      await page.getByRole('treeitem', { name: 'socket buffers, 100 KiB, 400 objects, 61 % of the total' }).isVisible(),
    );
    t.is(await items(), 20);
    await page.getByRole('combobox', { name: 'Divide by' }).selectOption('program, then what it called');
    t.deepEqual(
      [await names(page, 2), await names(page, 3)],
      [
        ['apache2', 'sh'],
        ['main', 'code in no file'],
      ],
    );
  });
  await withProfile(t, profile([profileRow()]), async (page) => {
    await page.getByRole('combobox', { name: 'Show' }).selectOption('left at the end');
    t.true(await page.getByText('Nothing was left at the end.').isVisible());
    t.is(await page.getByRole('treeitem').count(), 0);
    await page.getByRole('combobox', { name: 'Show' }).selectOption('live at the peak');
    t.deepEqual(await names(page, 2), ['slab objects']);
  });
});

test.serial('a search highlights boxes and reports their bytes', async (t) => {
  await withProfile(t, apacheProfile(), async (page) => {
    const search = page.locator('[data-profile]').getByRole('searchbox');
    const status = page.locator('[data-profile]').getByRole('status');
    await search.fill('LIBC');
    t.is(await status.innerText(), 'Matches 64 KiB, 106 objects, 64 % of the peak, in 2 boxes.');
    t.deepEqual(
      await page.locator('.boxes .found').evaluateAll((all) => all.map(({ firstChild }) => firstChild?.textContent)),
      ['memset', 'sendto'],
    );
    await search.press('Enter');
    t.is(await focused(page), 'memset, 40 KiB, 10 objects, 40 % of the peak, matches the search');
    await search.fill('nothing like it');
    t.is(await status.innerText(), 'Nothing matches.');
    await search.fill('');
    t.deepEqual([await status.innerText(), await page.locator('.boxes .found').count()], ['', 0]);
  });
});

test.serial('names that a program chose stay text', async (t) => {
  const attack = '</script><script>window.owned = 1</script><img src=x onerror="window.owned=2">';
  for (const text of [HOSTILE_TEXT, attack]) {
    await withProfile(t, hostileProfile(text), async (page) => {
      await press(page, 'Tab');
      await page.locator('[data-profile]').getByRole('searchbox').fill('a');
      for (const box of await page.getByRole('treeitem').all()) await box.hover();
      await page.getByRole('combobox', { name: 'Divide by' }).selectOption('program, then what it called');
      const shown = await page.locator('main').innerText();
      t.true(shown.includes(text === attack ? attack : '\\u{202e}'));
      t.false(['\u001b', '\u202e', '\u007f', '\u009b'].some((hidden) => shown.includes(hidden)));
      t.is(await page.evaluate('window.owned'), undefined);
      t.is(await page.locator('main img, main script').count(), 0);
      const labels = await page.getByRole('treeitem').evaluateAll((all) => all.map((one) => one.outerHTML).join());
      t.false(['\u001b', '\u202e', '<img'].some((hidden) => labels.includes(hidden)));
    });
  }
});

test.serial('the page of 2,000 parts with deep stacks has at most 3 MB and still draws', async (t) => {
  const whole = largeProfile();
  t.deepEqual([whole.rows.length, whole.frames.length], [2000, 10_000]);
  t.true(Buffer.byteLength(textWith(whole)) <= 3_000_000);
  t.false(textWith(whole).includes('are not on this page'));
  // No two stacks share anything, and no stack can be deeper.
  const deepest = textWith(largeProfile({ depth: 127, shared: 0 }));
  t.true(Buffer.byteLength(deepest) <= 3_000_000);
  t.regex(deepest, /The stacks of 1,\d{3} parts are not on this page/);
  await withProfile(t, whole, async (page) => {
    t.true((await page.getByRole('treeitem').count()) > 100);
    await page.locator('.boxes .rest[aria-level="3"]').first().click();
    t.regex((await names(page, 4))[0] ?? '', /^use \d+$/);
  });
});

test.serial('the graph fits a phone’s width in both themes', async (t) => {
  for (const [colorScheme, color] of [
    ['light', 'rgb(205, 228, 246)'],
    ['dark', 'rgb(28, 66, 95)'],
  ] as const) {
    await withProfile(
      t,
      apacheProfile(),
      async (page) => {
        t.is(await page.evaluate('document.documentElement.scrollWidth'), 400);
        t.is(await page.evaluate("getComputedStyle(document.querySelector('.boxes .what')).backgroundColor"), color);
      },
      { width: 400, colorScheme },
    );
  }
});
