/** Commands that start a daemon and exit: the daemon's kernel memory and denials belong to the run. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { freePort, givePortsBack } from '../../src/host/ports.ts';
import { makeHarness } from '../harness.ts';
import { lenient, needs } from '../needs.ts';

const test = anyTest.serial;
const fixtures = join(import.meta.dirname, '..', 'fixtures');
const POSTGRES = '/usr/lib/postgresql';

type Daemon = Readonly<{
  program: string;
  debianPackage: string;
  comm: string;
  /** Bytes that its kernel memory reaches; its launcher alone needs less. */
  atLeast: number;
  /** Options and command. `dir`: prepared by test/fixtures/server.sh. */
  words: (dir: string, port: number) => string[];
}>;

const daemons: Readonly<Record<string, Daemon>> = {
  apache: {
    ...{ program: '/usr/sbin/apachectl', debianPackage: 'apache2', comm: 'apache2', atLeast: 1.5 * 2 ** 20 },
    words: (dir) => [
      ...execFileSync('cat', [join(dir, 'variables')], { encoding: 'utf8' })
        .trim()
        .split(/\s+/)
        .flatMap((each) => ['--env', each]),
      ...['--', 'apachectl', 'start'],
    ],
  },
  nginx: {
    ...{ program: '/usr/sbin/nginx', debianPackage: 'nginx-light', comm: 'nginx', atLeast: 300 * 1024 },
    words: (dir) => ['--', 'nginx', '-p', dir, '-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')],
  },
  redis: {
    ...{ program: '/usr/bin/redis-server', debianPackage: 'redis-server', comm: 'redis-server', atLeast: 200 * 1024 },
    words: (dir) => ['--', 'redis-server', join(dir, 'redis.conf')],
  },
  postgresql: {
    ...{ program: POSTGRES, debianPackage: 'postgresql', comm: 'postgres', atLeast: 2 ** 20 },
    words: (dir, port) => [
      ...[
        '--user',
        'postgres',
        '--env',
        `HOME=${dir}`,
        '--',
        join(POSTGRES, newest(POSTGRES), 'bin', 'pg_ctl'),
        'start',
      ],
      ...['-w', '-D', join(dir, 'cluster/data'), '-l', join(dir, 'cluster/log'), '-o', `-p ${port} -k ${dir}/cluster`],
    ],
  },
};

function newest(folder: string): string {
  return readdirSync(folder).toSorted().at(-1) ?? '';
}

for (const [name, { program, debianPackage, comm, atLeast, words }] of Object.entries(daemons)) {
  test(`${name}: generous and tight limits, twice each`, async (t) => {
    if (!needs(t, existsSync(program), debianPackage)) return;
    const harness = makeHarness(t);
    const dir = harness.path('server');
    const port = await freePort();
    t.teardown(() => givePortsBack([port]));
    mkdirSync(dir, { mode: 0o777 });
    execFileSync('chmod', ['0777', dir]);
    execFileSync('bash', [join(fixtures, 'server.sh'), name, dir, String(port), 'prepare']);
    const run = (kmem: number) => harness.run(['--kmem', String(kmem), '--timeout', lenient(50), ...words(dir, port)]);

    let peak = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < 2; turn += 1) {
      const { status, stderr, result } = await run(64 * 2 ** 20);
      t.is(status, 0, stderr);
      t.is(result?.kmem.failcnt, 0);
      t.true(
        result?.leftover.some((process) => process.comm === comm),
        stderr,
      );
      t.like(result?.ending, { rule: 'quiet', reason: 'quiet' });
      t.true((result?.kmem.maxUsage ?? 0) > atLeast, stderr);
      peak = Math.min(peak, result?.kmem.maxUsage ?? 0);
    }
    for (let turn = 0; turn < 2; turn += 1) {
      const { stderr, result } = await run(Math.floor(0.7 * peak));
      t.true((result?.kmem.failcnt ?? 0) > 0, stderr);
      t.true(
        result?.failureCounts.some((each) => each.comm === comm),
        stderr,
      );
      t.is(result?.steps[0]?.failcnt, result?.kmem.failcnt);
      t.regex(stderr, new RegExp(`^kmem-run: .*gate denied .*\\b(${comm}|it)\\b`, 'm'));
    }
    harness.assertNothingLeft();
  });
}
