import { existsSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { failure, result } from '../fixtures/results.ts';
import { needs } from '../needs.ts';
import { timeOf } from '../store/folder.ts';
import { makeServed, openBrowser } from './served.ts';

const markup = `<script>document.title = 'owned'</script><img src=x onerror="document.title='owned'">`;

/** Everything that can be operated has a name. */
async function assertNamed(t: ExecutionContext, page: Page): Promise<void> {
  const nameless = await page.evaluate(() =>
    [
      ...document.querySelectorAll<HTMLElement>(
        'a[href], button, input:not([type=hidden]), select, summary, [role=application], [role=region]',
      ),
    ]
      .filter((element) => {
        const labels = [...((element as HTMLInputElement).labels ?? [])].map(({ textContent }) => textContent).join('');
        return (element.getAttribute('aria-label') ?? `${labels}${element.textContent}`).trim() === '';
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 200)),
  );
  t.deepEqual(nameless, []);
}

function fits(page: Page) {
  return page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
}

const hasBrowser = existsSync('/usr/bin/chromium');

test.serial('runs are filtered, sorted and compared', async (t) => {
  if (!needs(t, hasBrowser, 'chromium')) return;
  const { fill, serve } = makeServed(t);
  fill((store) => {
    for (let index = 0; index < 60; index++) {
      const failed = index % 3 === 0;
      const made = result({
        id: `run${index}`,
        startedAt: timeOf(index),
        outcome: failed ? 'failed' : 'passed',
        spec: { command: [index === 7 ? markup : 'apachectl', `start${index}`] },
        kmem: { maxUsage: 4096 * (1 + ((index * 7) % 60)), failcnt: failed ? 3 : 0 },
        failures: failed ? [failure()] : [],
      });
      store.saveRun({ result: made, experimentId: null, label: index < 2 ? 'first two' : null });
    }
  });
  const { url } = await serve();
  const { open, complaints } = await openBrowser(t);
  const page = await open(url);
  const rows = page.locator('#kept tbody tr');
  t.is(await rows.count(), 50);
  t.true(await page.getByText('1 to 50 of 60').isVisible());
  await assertNamed(t, page);

  await page.getByRole('link', { name: 'Next' }).click();
  await page.getByText('51 to 60 of 60').waitFor();
  t.is(await rows.count(), 10);

  await page.getByLabel('Outcome of runs').selectOption('failed');
  await page.getByText('1 to 20 of 20').waitFor();
  t.is(await page.locator('#kept .badge', { hasText: 'failed' }).count(), 20);
  await page.getByRole('link', { name: 'peak' }).click();
  await page.locator('th[aria-sort=descending]', { hasText: 'peak' }).waitFor();
  const peaks = (await page.locator('#kept td[data-title=peak]').allTextContents()).map((text) =>
    Number.parseFloat(text),
  );
  t.is(peaks.length, 20);
  t.deepEqual(
    peaks,
    peaks.toSorted((a, b) => b - a),
  );

  // As text it is found and displayed; as markup it would have become the page's title.
  await page.goto(url);
  await page.getByLabel('Command, label or id').fill('<script>');
  await page.keyboard.press('Enter');
  await page.getByText('1 to 1 of 1').waitFor();
  await page.getByRole('link', { name: markup }).click();
  await page.locator('h2', { hasText: '<script>' }).waitFor();
  t.notRegex(await page.title(), /^owned/);
  t.is(await page.locator('img').count(), 0);
  await page.waitForFunction(() => (window as unknown as { kmemRunPlots: Map<string, unknown> }).kmemRunPlots.size > 0);
  await assertNamed(t, page);

  await page.getByRole('link', { name: 'Compare with another result' }).click();
  await page.getByText('with another result: choose').waitFor();
  t.is(await page.getByText('chosen', { exact: true }).count(), 0);
  await page.getByRole('link', { name: 'Compare run7 with run59' }).click();
  await page.locator('h2', { hasText: /run7 and run59/ }).waitFor();
  t.true((await page.locator('main').innerText()).includes('kmem peak'));
  await page.getByRole('link', { name: 'All saved results' }).click();
  await page.getByText('1 to 50 of 60').waitFor();

  const narrow = await open(url, 400);
  t.true(await fits(narrow));
  await narrow.getByLabel('Sort by').selectOption('peak');
  await narrow.waitForURL(/sort=peak/);
  t.deepEqual(complaints, []);
});

test.serial('a running sweep is updated live in the list and on its own page', async (t) => {
  if (!needs(t, hasBrowser, 'chromium')) return;
  const { fill, serve, file, start } = makeServed(t);
  fill(() => {});
  const { url } = await serve();
  const { open, complaints } = await openBrowser(t);
  const list = await open(url);
  await list.getByText('No saved results match.').waitFor();
  await list.evaluate(() => {
    (window as unknown as { same: boolean }).same = true;
  });
  const sweep = start(['sweep', '--store', file, '--kmem', '1M,2M', '--repeat', '20', '--', 'sleep', '1'], {
    json: false,
  });
  const row = list.locator('#kept tbody tr');
  await row.getByText('running').waitFor();
  const runs = async () => Number.parseInt((await row.locator('.what small').textContent()) ?? '', 10);
  const before = await runs();
  await list.waitForFunction(
    (count) => Number.parseInt(document.querySelector('#kept .what small')?.textContent ?? '', 10) > count,
    before,
  );
  // By updating a part of the page, not by reloading it.
  t.true(await list.evaluate(() => (window as unknown as { same: boolean }).same));

  const page = await open(new URL((await row.locator('.what a').getAttribute('href')) ?? '', url).href);
  await page.getByText(/\d+ runs? so far; the last started at .*: passed/).waitFor();
  const ownRuns = () => page.getByRole('link', { name: /^Its \d+ runs?$/ }).textContent();
  const first = Number.parseInt((await ownRuns())?.slice(4) ?? '', 10);
  await page.waitForFunction(
    (count) =>
      [...document.querySelectorAll('nav a')].some(
        ({ textContent }) => Number.parseInt(/^Its (\d+)/.exec(textContent ?? '')?.[1] ?? '0', 10) > count,
      ),
    first,
  );
  await assertNamed(t, page);

  await page.getByLabel('redraw as runs end').uncheck();
  sweep.signal('SIGINT');
  t.is((await sweep.ended).status, 130);
  await row.getByText('stopped').waitFor();
  await page.getByLabel('redraw as runs end').check();
  await page.locator('[data-live]').waitFor({ state: 'detached' });
  t.deepEqual(complaints, []);
});
