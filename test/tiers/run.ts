/**
 * Runs tiers of tests, and counts: `node test/tiers/run.ts fast vm soak [--budget MINUTES] [--times] [--no-build]`. The
 * last line is the sum of all tiers; a tier that did not run to its end counts as a failure.
 */

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Count, emptyCount, type Reading, readTap, sum, summary } from './tap.ts';
import { type Batch, batchesOf, readTimes, root, TIERS, type Tier } from './tiers.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    budget: { type: 'string', default: '30' },
    times: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});
const asked = positionals.length === 0 ? ['fast'] : positionals;
const unknown = asked.find((name) => !(TIERS as readonly string[]).includes(name));
const budgetMs = Number(values.budget) * 60_000;
if (unknown !== undefined || !(budgetMs > 0)) {
  process.stderr.write(`usage: run.ts [${TIERS.join('] [')}] [--budget MINUTES] [--times] [--no-build]\n`);
  process.exit(2);
}

function say(text: string): void {
  process.stdout.write(`\n=== ${text}\n`);
}

const scratch = mkdtempSync(join(tmpdir(), 'kmem-'));
const timesFile = join(scratch, 'times');
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

let failures: string[] = [];
let total: Count = emptyCount;
for (const script of values['no-build'] ? ['lint'] : ['build', 'lint']) total = sum(total, runScript(script));
// If the build fails, nothing is tested.
const isBuilt = total.failed === 0;
for (const tier of asked as Tier[]) total = sum(total, isBuilt ? await runTier(tier) : { ...emptyCount, failed: 1 });
if (values.times) showTimes();
if (failures.length > 0) say(`failed:\n${failures.join('\n')}`);
process.stdout.write(`${summary(total)}\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

function runScript(script: string): Count {
  say(`npm run ${script}`);
  const { status } = spawnSync('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status === 0) return emptyCount;
  failures = [...failures, `npm run ${script}: exit ${status}`];
  return { ...emptyCount, failed: 1 };
}

async function runTier(tier: Tier): Promise<Count> {
  const began = performance.now();
  let count: Count = emptyCount;
  for (const batch of batchesOf(tier, availableParallelism())) {
    say(`${tier}: ${batch.files.length} files, ${batch.concurrency} at a time`);
    count = sum(count, await runBatch(tier, batch));
  }
  if (count.passed + count.failed === 0) {
    failures = [...failures, `tier ${tier}: no test ran`];
    count = { ...count, failed: 1 };
  }
  say(`${tier}: ${summary(count)} in ${Math.round((performance.now() - began) / 1000)} s`);
  return count;
}

async function runBatch(tier: Tier, { files, concurrency }: Batch): Promise<Count> {
  const args = [
    '--config=test/tiers/ava.js',
    '--tap',
    `--concurrency=${concurrency}`,
    ...(tier === 'soak' ? ['--serial', '--timeout=2h'] : []),
    ...files,
  ];
  const child = spawn(join(root, 'node_modules', '.bin', 'ava'), args, {
    cwd: root,
    env: { ...process.env, ...ownPlaces(), KMEM_RUN_TEST_TIMES: timesFile, ...(tier === 'soak' ? soak() : {}) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const reading: Reading = readTap();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    reading.take(line);
    process.stdout.write(`${line}\n`);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const { count, failed } = reading.end(status);
  failures = [...failures, ...failed];
  return count;
}

function soak(): Record<string, string> {
  return { KMEM_RUN_TEST_SOAK: '1', KMEM_RUN_TEST_SOAK_MS: String(budgetMs) };
}

/** Folders of this run only. Kernels that the user has added are copied into them. */
function ownPlaces(): Record<string, string | undefined> {
  const home = join(scratch, 'home');
  const temporary = join(scratch, 'tmp');
  const fixtures = join(scratch, 'fixtures');
  if (!existsSync(home)) {
    const kernels = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kmem-run', 'kernels');
    const cache = join(home, '.cache', 'kmem-run');
    mkdirSync(cache, { recursive: true, mode: 0o700 });
    mkdirSync(temporary);
    mkdirSync(fixtures);
    // Tests act as other users.
    for (const folder of [scratch, temporary]) chmodSync(folder, folder === temporary ? 0o1777 : 0o755);
    if (existsSync(kernels)) cpSync(kernels, join(cache, 'kernels'), { recursive: true, preserveTimestamps: true });
  }
  const none = { XDG_CACHE_HOME: undefined, XDG_STATE_HOME: undefined, XDG_CONFIG_HOME: undefined };
  return {
    ...none,
    HOME: home,
    TMPDIR: temporary,
    // Caches of what each ava process loads, and of the programs that tests compile: shared by all files.
    NODE_COMPILE_CACHE: join(scratch, 'compiled'),
    KMEM_RUN_TEST_FIXTURES: fixtures,
  };
}

function showTimes(): void {
  if (!existsSync(timesFile)) return;
  const times = [...readTimes(timesFile)].toSorted(([, a], [, b]) => b.wall - a.wall);
  const all = (key: 'wall' | 'cpu') => Math.round(times.reduce((sum, [, time]) => sum + time[key], 0));
  say(`seconds by file, and CPU seconds; ${all('wall')} and ${all('cpu')} in all`);
  for (const [file, { wall, cpu }] of times)
    process.stdout.write(`${wall.toFixed(1).padStart(8)} ${cpu.toFixed(1).padStart(8)}  ${file}\n`);
}
