/** kmem-run serve with the test's own store, and a browser that views it. */

import { request } from 'node:http';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/types.ts';
import { until } from '../cgroup/sandbox.ts';
import { type Harness, makeHarness, type Running } from '../harness.ts';
import { launch } from '../report/html/browser.ts';

export type Served = Harness &
  Readonly<{
    /** The store. */
    file: string;
    fill: (work: (store: Store) => void) => void;
    /** Starts it and returns its address. */
    serve: (args?: readonly string[]) => Promise<{ url: string; running: Running }>;
  }>;

export function makeServed(t: ExecutionContext): Served {
  const harness = makeHarness(t);
  const file = harness.path('store.db');
  let served = 0;
  return {
    ...harness,
    file,
    fill: (work) => {
      const store = openStore(file);
      work(store);
      store.close();
    },
    serve: async (args = []) => {
      served += 1;
      const name = `url-${served}`;
      const running = harness.start(['serve', '--store', file, ...args], {
        json: false,
        stdout: { file: harness.path(name) },
        timeout: 10 * 60_000,
        env: { TZ: 'UTC' },
      });
      let ended = false;
      void running.ended.then(() => {
        ended = true;
      });
      t.teardown(async () => {
        if (!ended) running.signal('SIGKILL');
        await running.ended;
      });
      await until(() => ended || (harness.has(name) && harness.read(name).endsWith('\n')));
      return { url: harness.read(name).trim(), running };
    },
  };
}

export type Answered = Readonly<{
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}>;

/** Unlike fetch(), it sends any header, even `Host`, and follows no redirects. */
export function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> {
  const { hostname, port, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: pathname + search, method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Errors on its console are collected. */
export async function openBrowser(t: ExecutionContext): Promise<{
  open: (url: string, width?: number) => Promise<Page>;
  complaints: string[];
}> {
  const browser = await launch();
  t.teardown(() => browser.close());
  const complaints: string[] = [];
  return {
    complaints,
    open: async (url, width = 1280) => {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      page.setDefaultTimeout(60_000);
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(url);
      return page;
    },
  };
}
