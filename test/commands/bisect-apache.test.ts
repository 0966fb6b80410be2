import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { BisectReport } from '../../src/experiment/bisect/report.ts';
import { makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';
import { APACHECTL, fixtures, siteVariables } from '../vm/apache.ts';

const PORT = 18_087;
const MIB = 2 ** 20;

/** Upper bound above the peak, wherever the edge is: luck accounts for some pages, not a hundred. */
const ROOM = MIB / 4;

test.serial(
  'a limit for starting, using and stopping Apache is found in few runs, near its peak, and holds',
  async (t) => {
    t.timeout(10 * 60_000);
    if (!needs(t, existsSync(APACHECTL), 'apache2')) return;
    const { path, read, run, assertNothingLeft } = makeHarness(t);
    const variables = siteVariables(path('site'), PORT).flatMap((variable) => ['--env', variable]);
    const steps = ['--then', `exec bash ${join(fixtures, 'get.sh')} ${PORT}`, '--then', 'exec apachectl stop'];
    const cycle = ['--timeout', '60s', ...variables, ...steps, '--', APACHECTL, 'start'];

    const store = ['--store', path('store.db'), '--json', path('bisect.json')];
    const ran = await run(['bisect', ...store, '--confirm', '2', ...cycle], { json: false, timeout: 8 * 60_000 });
    const { answer, trials, unlimited }: BisectReport = JSON.parse(read('bisect.json'));
    // With fewer threads it may pass under less, by luck: the answer is then not a limit, but the value from which on it
    // passes.
    const limit = answer.kind === 'found' ? answer.passesAt : answer.kind === 'not-monotonic' ? answer.from : null;
    if (limit === null) return t.fail(ran.stdout + ran.stderr);
    t.is(ran.status, answer.kind === 'found' ? 0 : 1, ran.stdout);
    const peak = unlimited?.peak ?? 0;
    t.true(peak > MIB && limit > MIB && limit < peak + ROOM, `${limit} of ${peak}`);
    const toFindIt = trials.filter(({ phase }) => phase === 'bracket' || phase === 'search').length;
    t.true(toFindIt > 0 && toFindIt + (unlimited?.runs ?? 0) <= 12, `${toFindIt} trials`);

    const holds = await run(['--kmem', String(Math.max(limit, peak) + ROOM), ...cycle]);
    t.is(holds.status, 0, holds.stderr);
    t.regex(holds.stdout, /HTTP\/1\.1 200/);
    const fails = await run(['--kmem', '1M', ...cycle]);
    t.not(fails.status, 0);
    t.true((fails.result?.kmem.failcnt ?? 0) > 0);
    assertNothingLeft();
  },
);
