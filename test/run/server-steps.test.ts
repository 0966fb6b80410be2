/** Servers that stay in the foreground, and their clients: --ready, --background, --client, --stop. */

import { writeFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { type Harness, makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

const test = anyTest.serial;

const program = `
const { createServer } = require('node:http');
const [, , port, how] = process.argv;
require('node:fs').writeFileSync('pid', String(process.pid));
if (how === 'exits') process.exit(3);
if (how === 'deaf') process.on('SIGTERM', () => {});
if (how === 'code') process.on('SIGTERM', () => process.exit(5));
if (how === 'shell') process.on('SIGTERM', () => process.exit(143));
process.on('SIGHUP', () => process.exit(0));
const server = createServer((_, answer) => answer.end('it works'));
if (how !== 'mute') server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
else setInterval(() => {}, 1000);
`;

const URL = 'http://127.0.0.1:${port}/';
const GET = `curl -sf ${URL} >> pages`;

function withServer(t: ExecutionContext): Readonly<{ harness: Harness; node: (how?: string) => string[] }> {
  const harness = makeHarness(t);
  writeFileSync(harness.path('server.cjs'), program);
  return { harness, node: (how = '') => ['--', process.execPath, 'server.cjs', '${port}', how] };
}

test('clients of a foreground server run outside its group; it is stopped after the last step', async (t) => {
  const { harness, node } = withServer(t);
  const steps = ['--client', GET, '--then', 'cat /proc/self/cgroup', '--client', 'cat /proc/self/cgroup'];
  const { status, stdout, stderr, result } = await harness.run(['--kmem', '64M', '--ready', URL, ...steps, ...node()]);
  t.is(status, 0, stderr);
  t.is(harness.read('pages'), 'it works');
  const group = `kmem-run.${result?.id}`;
  t.is(stdout.split(group).length - 1 > 0, true);
  t.deepEqual(
    result?.steps.map(({ kind, background, stopped, error, failcnt }) => ({
      kind,
      background,
      stopped,
      error,
      failcnt,
    })),
    [
      { kind: 'command', background: true, stopped: true, error: null, failcnt: 0 },
      { kind: 'outside', background: false, stopped: false, error: null, failcnt: null },
      { kind: 'command', background: false, stopped: false, error: null, failcnt: 0 },
      { kind: 'outside', background: false, stopped: false, error: null, failcnt: null },
    ],
  );
  t.deepEqual(result?.steps[0]?.exit, { code: null, signal: 'SIGTERM' });
  t.true((result?.steps[0]?.readyMs ?? 0) > 0);
  t.true((result?.kmem.maxUsage ?? 0) > 0);
  t.like(result?.ending, { rule: 'quiet', reason: 'quiet' });
  t.deepEqual(result?.leftover, []);
  // The spec contains what was requested and what it resolved to.
  t.true(JSON.stringify(result?.spec.template).includes(URL));
  t.regex(result?.spec.command[2] ?? '', /^2\d{4}$|^3[01]\d{3}$/);
  harness.assertNothingLeft();
});

test('a run gets its own folder and one port for each port name', async (t) => {
  const harness = makeHarness(t);
  const line = 'echo ${port} ${port.a} ${port.a} ${port.b} ${dir} "$${dir}"; stat -c %a ${dir}; touch ${dir}/x';
  const { stdout } = await harness.run(['--background', '--ready', 'file:${dir}/x', '--', 'sh', '-c', line]);
  const [words = '', mode] = stdout.split('\n');
  const [port, a, again, b, dir, plain] = words.split(' ');
  t.is(new Set([port, a, b]).size, 3);
  t.is(a, again);
  t.is(plain, '', 'what was doubled is the shell’s own');
  t.is(mode, '755');
  t.regex(dir ?? '', /^\/.+kmem-run-/);
  harness.assertNothingLeft();
});

test('without a server or client, ${port} and ${dir} in the command are not replaced', async (t) => {
  const harness = makeHarness(t);
  const { stdout } = await harness.run(['--then', 'dir=a; echo ${dir}', '--', 'sh', '-c', 'port=7; echo ${port}']);
  t.is(stdout, '7\na\n');
});

test('a launcher may exit before its daemon is ready', async (t) => {
  const { harness } = withServer(t);
  const line = `sleep 0.3; exec ${process.execPath} server.cjs \${port}`;
  const launcher = ['--', 'sh', '-c', `(setsid sh -c '${line}' </dev/null >/dev/null 2>&1 &)`];
  const { status, stderr, result } = await harness.run(['--ready', URL, '--client', GET, ...launcher]);
  t.is(status, 0, stderr);
  t.is(harness.read('pages'), 'it works');
  t.like(result?.steps[0], { stopped: false, exit: { code: 0, signal: null } });
  t.true((result?.leftover.length ?? 0) > 0);
  harness.assertNothingLeft();
});

test('a server that exits early is not waited for, and one that is never ready fails after a timeout', async (t) => {
  const { harness, node } = withServer(t);
  const ended = await harness.run(['--ready', URL, '--ready-timeout', '1h', '--client', GET, ...node('exits')]);
  t.is(ended.status, 3);
  t.regex(ended.stderr, /^kmem-run: .*: not ready: .* does not answer .*: the program has ended \(exit 3\)/m);
  t.like(ended.result, { outcome: 'failed', steps: [{ exit: { code: 3 } }, { kind: 'outside' }] });
  const mute = await harness.run(['--ready', URL, '--ready-timeout', '700ms', ...node('mute')]);
  t.is(mute.status, 143);
  t.regex(mute.stderr, /^kmem-run: .*: not ready: .* does not answer \(ECONNREFUSED\) after 700 ms/m);
  t.is(mute.result?.outcome, 'failed');
  harness.assertNothingLeft();
});

test('a stopped server’s exit is judged', async (t) => {
  const { harness, node } = withServer(t);
  const run = (how: string, ...options: string[]) =>
    harness.run(['--ready', 'output:^listening', '--quiet-for', '100ms', ...options, ...node(how)]);
  t.is((await run('shell')).status, 0, 'with 128 + 15');
  const code = await run('code');
  t.is(code.status, 5);
  t.regex(code.stderr, /: it ended with exit 5 when it was stopped by SIGTERM/);
  const deaf = await run('deaf', '--grace', '300ms');
  t.is(deaf.status, 137);
  t.regex(deaf.stderr, /: it did not end within 300 ms of SIGTERM, and was killed/);
  const hup = await run('', '--stop', 'HUP');
  t.is(hup.status, 0);
  t.like(hup.result?.steps[0], { stopped: true, exit: { code: 0, signal: null } });
  harness.assertNothingLeft();
});

test('a command that stops the server is a separate step', async (t) => {
  const { harness, node } = withServer(t);
  const stop = (line: string) =>
    harness.run(['--ready', URL, '--quiet-for', '100ms', '--grace', '500ms', '--stop', line, ...node()]);
  const well = await stop('kill -INT $(cat pid)');
  t.is(well.status, 0, well.stderr);
  t.like(well.result?.steps, [
    { stopped: true, exit: { code: null, signal: 'SIGINT' } },
    { name: 'stop', exit: { code: 0 } },
  ]);
  const badly = await stop('true');
  t.is(badly.status, 1);
  t.regex(badly.stderr, /^kmem-run: true: the server is still running after 500 ms/m);
  harness.assertNothingLeft();
});

test('with --background, further steps do not wait', async (t) => {
  const harness = makeHarness(t);
  const options = ['--background', '--then', 'touch go', '--client', 'until test -e went; do sleep 0.05; done'];
  const server = 'until test -e go; do sleep 0.05; done; touch went; exec sleep 300';
  const { status, result } = await harness.run([...options, '--timeout', lenient(30), '--', 'sh', '-c', server]);
  t.is(status, 0);
  t.like(result?.steps[0], { background: true, stopped: true, readyMs: null });
  harness.assertNothingLeft();
});

test('after an interrupt during a client, server, client and folder are gone', async (t) => {
  const { harness, node } = withServer(t);
  const running = harness.start(['--ready', URL, '--client', 'touch ${dir}/x up; sleep 300', ...node()]);
  while (!harness.has('up')) await new Promise((resolve) => setTimeout(resolve, 20));
  running.signal('SIGINT');
  t.is((await running.ended).status, 130);
  harness.assertNothingLeft();
});

test('a pattern that takes too long to match fails instead of hanging', async (t) => {
  const harness = makeHarness(t);
  const plan = `description: x\nsteps:\n  - run: printf '%060d!' 0 | tr 0 a\n  - wait: { log: '^(a+)+$', within: 1h }\n`;
  writeFileSync(harness.path('slow.yaml'), plan);
  const { status, stdout } = await harness.run(['scenario', 'run', './slow.yaml'], { json: false });
  t.is(status, 1);
  t.regex(stdout, /matching \/\^\(a\+\)\+\$\/ with the output takes too long/);
  harness.assertNothingLeft();
});
