/** The table of how programs react to --on-fault note and sigbus, with simulated runs, and its programs for real. */

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { compareOnFault } from '../../bench/sections/on-fault.ts';
import type { ScenarioAttempt } from '../../src/scenario/attempt.ts';
import { loadScenario } from '../../src/scenario/load.ts';
import type { Scenario } from '../../src/scenario/types.ts';
import { result } from '../fixtures/results.ts';
import { makeHarness } from '../harness.ts';
import { canActAsOthers, needs, slowness } from '../needs.ts';

const test = anyTest.serial;
const root = join(import.meta.dirname, '..', '..');
const fixtures = join(root, 'bench', 'fixtures', 'on-fault');
const TIMEOUT = 120_000 * slowness;
const KIB = 1024;

function scenario(file: string, description: string, more = ''): Scenario {
  const { scenario: made } = loadScenario(file, `description: ${description}\nsteps:\n  - run: 'true'\n${more}`);
  if (made === null) throw new Error(`${file} is no scenario`);
  return made;
}

type Made = Readonly<{ passes: boolean; faultPages?: number; overshoot?: number; timedOut?: boolean }>;

function attempt({ passes, faultPages = 0, overshoot = 0, timedOut = false }: Made): ScenarioAttempt {
  const programs = {
    faults: 'note',
    faultPages,
    faultBytes: faultPages * 4096,
    moves: true,
    lost: 0,
    missed: 0,
  } as const;
  const own = result({
    outcome: timedOut ? 'timeout' : passes ? 'passed' : 'failed',
    kmem: { maxUsage: 800 * KIB, overshoot },
    enforcement: { programs },
  });
  const reasons = passes ? [] : ['it failed'];
  return { status: passes ? 'passed' : 'failed', reasons, result: own, output: '', durationMs: 1, folder: null };
}

type Attempt = Parameters<typeof compareOnFault>[3];

async function table(
  scenarios: Readonly<{ programs?: readonly Scenario[]; library?: readonly Scenario[] }>,
  attemptOnce: Attempt,
): Promise<{ rows: string[]; error: string | null }> {
  let said = '';
  const say = (text: string): void => {
    said += text;
  };
  const rounds = { programs: 5, library: 3 };
  const all = { programs: [], library: [], ...scenarios };
  const error = await compareOnFault({ say }, rounds, all, attemptOnce).then(
    () => null,
    ({ message }: Error) => message,
  );
  return { rows: said.split('\n').slice(2, -1), error };
}

/** 512 KiB, and 5 % more with `sigbus`: in between, page faults take the last pages. */
const NEED = 512 * KIB;

test('limits are scaled from the program’s need, and each row counts the runs of a band', async (t) => {
  const ways: string[] = [];
  const { rows, error } = await table(
    { programs: [scenario('a.yaml', 'a program')] },
    async (_scenario, way, limit) => {
      if (limit === '1G') return attempt({ passes: true });
      if (typeof limit !== 'number') throw new Error(`${limit}`);
      ways.push(way);
      const room = limit / NEED;
      const faultPages = room < 1.04 && room > 0.9 ? 2 : 0;
      if (room < 0.6) return attempt({ passes: false, timedOut: true });
      if (way === 'sigbus') return attempt({ passes: room >= 1.04, faultPages, overshoot: faultPages * 4096 });
      return attempt({ passes: room >= 1, faultPages, overshoot: faultPages * 8192 });
    },
  );
  t.is(error, null);
  // Six halvings between 400K and 1600K find a need of 528K.
  t.deepEqual(rows, [
    '| a program | 2112K to 632K | 15 of 15 (0) | 15 of 15 (0) |  |',
    '|  | 580K to 500K | 15 of 20 (10) | 10 of 20 (10) | overshoot at most 16K and 8K |',
    '|  | 448K to 264K | 0 of 15 (0) | 0 of 15 (0) | 5 and 5 timed out |',
  ]);
  const turns = ways.slice(6);
  t.is(turns.length, 2 * 5 * 10);
  t.true(turns.every((way, index) => way === (index % 2 === 0 ? 'note' : 'sigbus')));
});

test('library scenarios that always pass share a row, and one without a kernel-memory limit is left out', async (t) => {
  const limits = 'limits: { kmem: 4M }\n';
  const own = (name: string, more: string) => scenario(join(root, 'scenarios', `${name}.yaml`), 'a scenario', more);
  const library = [own('a', limits), own('b', limits), own('c', limits), own('d', 'limits: { kmemTcp: 1M }\n')];
  const { rows } = await table({ library }, async ({ name }, way, limit) => {
    t.is(limit, null);
    t.not(name, 'd');
    return attempt(name === 'b' ? { passes: way === 'note', faultPages: 1, overshoot: 4096 } : { passes: true });
  });
  t.deepEqual(rows, [
    '| 2 scenarios of the library | their own | 6 of 6 (0) | 6 of 6 (0) |  |',
    '| scenario `b` | its own | 3 of 3 (3) | 0 of 3 (3) | overshoot at most 4K and 4K |',
  ]);
});

test('a missing program is listed with its package, and a run that was not measured with the reason', async (t) => {
  const programs = [
    scenario('a.yaml', 'absent', 'needs: { commands: [no-such-program], packages: [no-such-package] }\n'),
    scenario('b.yaml', 'broken'),
    scenario('c.yaml', 'unwatched'),
    scenario('d.yaml', 'sound'),
  ];
  const { rows, error } = await table({ programs }, async ({ name }, _way, limit) => {
    const sound = attempt({ passes: true });
    const unlucky = { ...sound, status: 'error', reasons: ['no group'], result: null } as const;
    if (name === 'b') return unlucky;
    if (name === 'd') return typeof limit === 'number' && limit > 1024 * KIB ? unlucky : sound;
    return { ...sound, result: result({ kmem: { maxUsage: 800 * KIB }, enforcement: { programs: null } }) };
  });
  t.is(rows[0], '| absent |  |  |  | no no-such-program: apt-get install no-such-package |');
  const unwatched = 'not measured: page faults or usage were not watched |';
  t.deepEqual(
    rows.slice(1).map((row) => row.replace(/[0-9]+K to [0-9]+K/, 'a band')),
    [
      `| unwatched | a band | 0 of 0 (0) | 0 of 0 (0) | 30 ${unwatched}`,
      `|  | a band | 0 of 0 (0) | 0 of 0 (0) | 40 ${unwatched}`,
      `|  | a band | 0 of 0 (0) | 0 of 0 (0) | 30 ${unwatched}`,
      '| sound | a band | 10 of 10 (0) | 10 of 10 (0) | 10 not measured: no group |',
      '|  | a band | 20 of 20 (0) | 20 of 20 (0) |  |',
      '|  | a band | 15 of 15 (0) | 15 of 15 (0) |  |',
    ],
  );
  t.is(error, 'broken: no group');
});

test('the programs in the table pass without a limit', async (t) => {
  if (!needs(t, canActAsOthers, 'root')) return;
  const harness = makeHarness(t);
  mkdirSync(harness.path('cache'));
  const { status, stdout, stderr } = await harness.run(['scenario', 'run', fixtures], {
    env: { BENCH_CACHE: harness.path('cache') },
    json: false,
    timeout: TIMEOUT,
  });
  t.is(status, 0, stdout + stderr);
  const names = readdirSync(fixtures).flatMap((file) => (file.endsWith('.yaml') ? [file.replace('.yaml', '')] : []));
  const shown = stdout.split('\n').flatMap((line) => /^[✓-] (\S+)/.exec(line)?.[1] ?? []);
  t.deepEqual(shown.toSorted(), names.toSorted());
  for (const line of stdout.match(/^- .*\n.*$/gm) ?? []) t.log(line);
  harness.assertNothingLeft();
});
