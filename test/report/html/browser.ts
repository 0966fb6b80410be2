/** A page of a report in headless Chromium, from a file, as a user opens it. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Browser, chromium, type Page } from 'playwright-core';
import { pageScript } from '../../../src/report/html/frame.ts';
import { type PageOptions, reportPage } from '../../../src/report/html/page.ts';
import type { ReportDocument } from '../../../src/scenario/documents.ts';
import { needs } from '../../needs.ts';

export const EXECUTABLE_PATH = '/usr/bin/chromium';
const root = join(import.meta.dirname, '..', '..', '..');

const args = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE_PATH, args });
}

export function pageText(documents: readonly ReportDocument[], options: Partial<PageOptions> = {}): string {
  return reportPage(documents, { script: pageScript(root), version: '0.1.0', ...options });
}

type View = Readonly<{
  width?: number;
  colorScheme?: 'light' | 'dark';
  /** The expected complaint; absent: none. */
  complaint?: RegExp;
}>;

/**
 * Passes the page to `look`, then checks that its console reported no complaint and nothing was requested from any
 * network. Skipped if Chromium is missing.
 */
export async function withPage(
  t: ExecutionContext,
  text: string,
  look: (page: Page) => Promise<void>,
  { width = 1000, colorScheme = 'light', complaint }: View = {},
): Promise<void> {
  if (!needs(t, existsSync(EXECUTABLE_PATH), 'chromium')) return;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-page-'));
  const file = join(folder, 'page.html');
  writeFileSync(file, text);
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith('file://')) complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(`file://${file}`);
    await look(page);
    if (complaint === undefined) t.deepEqual(complaints, []);
    else t.regex(complaints.join('\n'), complaint);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is drawn, as the plotting library has it: ids of series and their data. */
export async function drawn(page: Page, id: string): Promise<Record<string, unknown[]>> {
  await page.locator(`[data-plot="${id}"]`).scrollIntoViewIfNeeded();
  await until(page, `window.kmemRunPlots.has(${JSON.stringify(id)})`);
  const found = await page.evaluate(`Object.fromEntries(
    window.kmemRunPlots.get(${JSON.stringify(id)}).getOption().series.map(({ id, data }) => [id, data]))`);
  return found as Record<string, unknown[]>;
}

/** Polled from outside: the page's policy forbids waiting inside it. */
export async function until(page: Page, expression: string): Promise<void> {
  while (!(await page.evaluate(expression))) await page.waitForTimeout(50);
}

/** Each row as its cells. */
export async function rowsOf(page: Page, place: string): Promise<string[][]> {
  await page.locator(place).first().scrollIntoViewIfNeeded();
  await page.locator(`${place} tbody tr`).first().waitFor();
  return page
    .locator(`${place} tbody tr`)
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...(row as unknown as { children: Iterable<{ textContent: string }> }).children].map(
          ({ textContent }) => textContent,
        ),
      ),
    );
}
