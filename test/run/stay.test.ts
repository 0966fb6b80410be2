/** On a terminal a run stays with a daemon until the daemon ends or Ctrl-C. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { findProgram } from '../../src/host/programs.ts';
import { bin, type Harness, makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';
import { openShell, type Shell } from '../vm/shell.ts';

const test = anyTest.serial;

type Terminal = Readonly<{ shell: Shell; harness: Harness; line: (options: string) => string }>;

async function openTerminal(t: ExecutionContext): Promise<Terminal | null> {
  if (!needs(t, findProgram('script') !== null, 'util-linux')) return null;
  const harness = makeHarness(t);
  const daemon = "(setsid sh -c 'echo $$ > pid; exec sleep 300' </dev/null >/dev/null 2>&1 &)";
  return {
    shell: await openShell(t, harness.folder),
    harness,
    line: (options) => {
      const run = `${process.execPath} ${bin} ${options} --json result.json -- sh -c "${daemon.replace('$$', '\\$\\$')}"`;
      return `(echo $BASHPID > runner; exec ${run}); echo status=$?\n`;
    },
  };
}

function resultOf(harness: Harness) {
  return JSON.parse(harness.read('result.json'));
}

test('a running daemon is announced, with a live line; Ctrl-C stops it and reports', async (t) => {
  const terminal = await openTerminal(t);
  if (terminal === null) return;
  const { shell, harness, line } = terminal;
  shell.type(line('--kmem 64M'));
  await shell.see(/kmem-run: sleep \(1 process\) is running under the limit; Ctrl-C stops it and reports\r\n/);
  await shell.see(/kmem [\d.]+ KiB of 64 MiB ▕░{12}▏ 1 process failcnt 0 /);
  // The run continues.
  const pid = Number(harness.read('pid'));
  t.regex(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), /kmem-run\./);
  shell.type('\x03');
  await shell.see(/kmem-run: .*passed.*: kernel memory peaked at /);
  await shell.see(/left over .*sleep \(\d+\) was running until Ctrl-C; stopped/);
  await shell.see(/status=0\r\n/);
  t.like(resultOf(harness), {
    outcome: 'passed',
    terminationReason: null,
    ending: { rule: 'terminal', reason: 'stopped' },
    spec: { wait: 'quiet' },
    leftover: [{ pid, comm: 'sleep' }],
  });
  harness.assertNothingLeft();
});

test('a run ends when its daemon is stopped from another terminal', async (t) => {
  const terminal = await openTerminal(t);
  if (terminal === null) return;
  const { shell, harness, line } = terminal;
  shell.type(line(''));
  await shell.see(/sleep \(1 process\) is running in the group; /);
  execFileSync('kill', [harness.read('pid').trim()]);
  await shell.see(/kmem-run: .*passed/);
  t.like(resultOf(harness), { outcome: 'passed', ending: { rule: 'terminal', reason: 'empty' }, leftover: [] });
  harness.assertNothingLeft();
});

test('with --wait or a further step, the run ends by itself', async (t) => {
  const terminal = await openTerminal(t);
  if (terminal === null) return;
  const { shell, harness, line } = terminal;
  for (const options of ['--wait quiet', '--then true', '--client true', '--quiet']) {
    t.notRegex(await shell.run(line(options).trim()), /Ctrl-C/, options);
    t.like(resultOf(harness).ending, { rule: 'quiet', reason: 'quiet' }, options);
  }
  harness.assertNothingLeft();
});

test('any other signal interrupts the run', async (t) => {
  const terminal = await openTerminal(t);
  if (terminal === null) return;
  const { shell, harness, line } = terminal;
  shell.type(line(''));
  await shell.see(/is running in the group; /);
  process.kill(Number(harness.read('runner')), 'SIGTERM');
  await shell.see(/kmem-run: .*interrupted/);
  await shell.see(/status=143\r\n/);
  harness.assertNothingLeft();
});
