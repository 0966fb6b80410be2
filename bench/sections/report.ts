import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import type { Bench, Section } from '../bench.ts';
import { kmemRun, output } from '../commands.ts';
import { figure, goal, layOut } from '../table.ts';

const CHROMIUM = '/usr/bin/chromium';
const PAINT_GOAL_MS = 1000;
const SAMPLES = 10_000;
const FAILURES = 5000;
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];

/** The page of a large run, in a browser that has just started. */
export const report: Section = {
  name: 'report',
  about: `a page of ${SAMPLES} samples and ${FAILURES} failures: size, first paint, when its plot is there`,
  run: async (bench) => {
    const page = makePage(bench);
    const size = statSync(page).size / 1e6;
    bench.say(layOut([['size of the page', `${size.toFixed(2)} MB`, '']]));
    if (!existsSync(CHROMIUM)) return bench.say('  first paint: — (chromium is not installed)\n');
    const rounds = bench.quick ? 3 : 10;
    const seen: Seen[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const one = await open(page);
      if (round >= 0) seen.push(one);
    }
    const paint = seen.map(({ paintMs }) => paintMs);
    bench.say(
      layOut([
        ['first paint', figure(paint, 'ms'), goal('at most', PAINT_GOAL_MS, 'ms', paint)],
        [
          'the plot is drawn',
          figure(
            seen.map(({ plotMs }) => plotMs),
            'ms',
          ),
          '',
        ],
        [
          'a mark opens by a key',
          figure(
            seen.map(({ markMs }) => markMs),
            'ms',
          ),
          '',
        ],
      ]),
    );
  },
};

function makePage({ folder }: Bench): string {
  const [result, page] = [join(folder, 'large.json'), join(folder, 'large.html')];
  // A real run provides the other fields; the generated course is put into it.
  output(kmemRun(['--json', result, '--output', 'null'], ['true']));
  const run = JSON.parse(output(['cat', result]));
  const large = {
    ...run,
    samples: samples(),
    failures: failures(),
    failureCounts: [{ comm: 'httpd', syscall: 'mmap', errno: 'ENOMEM', count: FAILURES }],
  };
  writeFileSync(result, JSON.stringify(large));
  output([...kmemRunCommand(['report', result, '--html', page])]);
  return page;
}

/** `kmemRun` is for runs: take just the words before options. */
function kmemRunCommand(words: readonly string[]): string[] {
  const [node = '', program = ''] = kmemRun([], ['true']);
  return [node, program, ...words];
}

function samples() {
  return Array.from({ length: SAMPLES }, (_, index) => ({
    ...{
      atMs: index * 50,
      kmem: 2_000_000 + Math.round(500_000 * Math.sin(index / 300)),
      mem: 50_000_000 + index * 100,
    },
    ...{ processes: 5 + (index % 7), rss: index % 10 === 0 ? 80_000_000 : null, cpuPercent: null },
  }));
}

function failures() {
  return Array.from({ length: FAILURES }, (_, index) => ({
    ...{ atMs: index * 100, pid: 1000 + (index % 50), tid: 1000 + (index % 50), comm: 'httpd', exe: '/usr/sbin/httpd' },
    ...{ syscall: 'mmap', detail: `/usr/lib/modules/mod_${index % 97}.so`, usage: 2_400_000 + index, errno: 'ENOMEM' },
    ...{ step: 0, address: null, injected: false },
  }));
}

type Seen = Readonly<{ paintMs: number; plotMs: number; markMs: number }>;

/** Times since the page was requested. */
async function open(file: string): Promise<Seen> {
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.addInitScript(() => {
      const look = (): void => {
        const { kmemRunPlots, drawnMs } = globalThis as {
          kmemRunPlots?: ReadonlyMap<string, unknown>;
          drawnMs?: number;
        };
        if (kmemRunPlots?.size && drawnMs === undefined) Object.assign(globalThis, { drawnMs: performance.now() });
        else setTimeout(look, 5);
      };
      look();
    });
    await page.goto(`file://${file}`);
    while ((await page.evaluate('window.drawnMs')) === undefined) await page.waitForTimeout(20);
    const paintMs = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    const plotMs = await page.evaluate('window.drawnMs');
    const press = "new KeyboardEvent('keydown', { key: 'ArrowRight' })";
    const markMs = await page.evaluate(
      `(() => { const from = performance.now(); document.querySelector('[data-plot]').dispatchEvent(${press}); return performance.now() - from; })()`,
    );
    return { paintMs: Number(paintMs), plotMs: Number(plotMs), markMs: Number(markMs) };
  } finally {
    await browser.close();
  }
}
