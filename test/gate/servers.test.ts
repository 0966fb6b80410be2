/** Real servers start, serve and stop under the gate with a generous limit just as they do without it. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import anyTest from 'ava';
import { runLeaf } from '../../src/cgroup/files.ts';
import { version } from '../cgroup/sandbox.ts';
import { type Harness, makeHarness } from '../harness.ts';
import { lenient, needs } from '../needs.ts';

const test = anyTest.serial;
const script = join(import.meta.dirname, '..', 'fixtures', 'server.sh');

const ACTIONS = ['start', 'request', 'look', 'stop'] as const;

/** `calls`: one cycle makes more gated calls than this; about two thirds of the number seen on Debian 12. */
const servers: Readonly<Record<string, { program: string; debianPackage: string; calls: number; processes: number }>> =
  {
    apache: { program: '/usr/sbin/apachectl', debianPackage: 'apache2', calls: 2900, processes: 3 },
    nginx: { program: '/usr/sbin/nginx', debianPackage: 'nginx-light', calls: 1900, processes: 3 },
    redis: { program: '/usr/bin/redis-server', debianPackage: 'redis-server', calls: 1750, processes: 1 },
    postgresql: { program: '/usr/lib/postgresql', debianPackage: 'postgresql', calls: 4500, processes: 6 },
    node: { program: '/usr/bin/curl', debianPackage: 'curl', calls: 1700, processes: 1 },
    python: { program: '/usr/bin/python3', debianPackage: 'python3', calls: 1800, processes: 1 },
    sshd: { program: '/usr/sbin/sshd', debianPackage: 'openssh-server', calls: 2000, processes: 1 },
  };

for (const [name, { program, debianPackage, calls, processes }] of Object.entries(servers)) {
  test(`${name}: start, request, stop`, async (t) => {
    if (!needs(t, existsSync(program), debianPackage)) return;
    const harness = makeHarness(t);

    const gated = await prepare(harness, name, 'gated');
    const steps = ACTIONS.slice(1).flatMap((action) => ['--then', `exec ${gated.words(action).join(' ')}`]);
    const options = ['--kmem', '256M', '--enforce', 'gate', '--timeout', lenient(50), '--quiet'];
    const { status, stdout, stderr, result } = await harness.run([...options, ...steps, '--', ...gated.words('start')]);

    const plain = await prepare(harness, name, 'plain');
    const ran = [];
    for (const action of ACTIONS) ran.push(await harness.startProgram(plain.words(action)).ended);

    t.is(status, 0, stderr);
    t.is(gated.normal(stdout), plain.normal(ran.map((each) => each.stdout).join('')));
    t.is(gated.normal(stderr), plain.normal(ran.map((each) => each.stderr).join('')));
    t.true(stdout.split('\n').length > 5, stdout);
    t.deepEqual(
      result?.steps.map(({ exit }) => exit.code),
      ran.map((each) => each.status),
    );
    t.deepEqual(
      ran.map((each) => each.status),
      [0, 0, 0, 0],
    );
    t.is(result?.enforcement.mode, 'gate');
    t.is(result?.kmem.failcnt, 0);
    // Node asks for io_uring, which is refused by default, and continues without it.
    t.deepEqual(
      result?.failures.filter(({ syscall }) => syscall !== 'io_uring_setup'),
      [],
    );
    t.deepEqual(result?.leftover, []);
    t.log(`${result?.enforcement.gatedCalls} gated calls, peak ${result?.kmem.maxUsage}`);
    t.true((result?.enforcement.gatedCalls ?? 0) > calls);

    const group = `/kmem-run.${result?.id}`;
    const seen = gated.seen();
    t.true(seen.length >= processes, seen.join('\n'));
    t.true(seen.every((line) => inMemoryGroup(line, group)));
    t.false(plain.seen().some((line) => inMemoryGroup(line, group)));
    harness.assertNothingLeft();
  });
}

/** "PID NAME 4:memory:/…/kmem-run.ID 0::/…"; on v2 "PID NAME 0::/…/kmem-run.ID/run" */
function inMemoryGroup(line: string, group: string): boolean {
  const [hierarchy, place] = version === 1 ? [':memory:', group] : ['0::', runLeaf(group)];
  return line.split(' ').some((cgroup) => cgroup.includes(hierarchy) && cgroup.endsWith(place));
}

async function prepare({ path, read }: Harness, name: string, folder: string) {
  const directory = path(folder);
  const port = await freePort();
  const words = (action: string) => ['bash', script, name, directory, String(port), action];
  mkdirSync(directory, { mode: 0o777 });
  execFileSync('chmod', ['0777', directory]);
  const [command = '', ...args] = words('prepare');
  execFileSync(command, args, { env: { ...process.env, NODE: process.execPath } });
  return {
    words,
    seen: () => read(join(folder, 'seen')).trim().split('\n'),
    normal: (text: string) => text.replaceAll(directory, 'DIR').replaceAll(String(port), 'PORT'),
  };
}

/** A port that nothing listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
