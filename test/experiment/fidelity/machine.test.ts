/** The comparison itself, on Linux 5.10 in a microVM. */

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type ExecutionContext } from 'ava';
import type { RowComparison } from '../../../src/experiment/fidelity/judge.ts';
import { rows } from '../../../src/experiment/fidelity/rows.ts';
import { bin, makeHarness } from '../../harness.ts';
import { soak, timeBudget } from '../../needs.ts';
import { ERROR_INJECTION, needsKernel } from '../../vm/needs-kernel.ts';

const test = anyTest.serial;

/** Emulated, on a machine that may be busy. */
const TIMEOUT_MS = 25 * 60_000;

/** One of each kind; a soak compares as many of the others as it has time for, or all. */
const CHOSEN = ['fork', 'socket_udp', 'mkdir', 'semget', 'brk', 'stat_kept'];
/** This many at a time, in one boot. */
const TOGETHER = 3;

async function compare(t: ExecutionContext, args: readonly string[]) {
  t.timeout(TIMEOUT_MS);
  const harness = makeHarness(t);
  const json = harness.path('fidelity.json');
  const ran = await harness.run(['fidelity', '--json', json, ...args], { json: false, timeout: TIMEOUT_MS });
  t.is(ran.stderr, '');
  harness.assertNothingLeft();
  return { ...ran, report: JSON.parse(readFileSync(json, 'utf8')) };
}

const SAME = 'gate and kernel give the same errno after as many objects, within 5 %, under three limits';

if (soak.isOn) {
  const hasTime = timeBudget(1 / 3);
  const others = rows.map(({ name }) => name).filter((name) => !CHOSEN.includes(name));
  // The tier above has just compared those.
  const names = [...others, ...CHOSEN];
  for (let from = 0; from < names.length; from += TOGETHER) {
    const some = names.slice(from, from + TOGETHER);
    test(`${SAME}: ${some.join(', ')}`, async (t) => {
      if ((await needsKernel(t, '5.10')) && hasTime(t)) await assertSame(t, some);
    });
    // What 5.10 does not charge is charged by some of the others.
    const charged = some.filter((name) => rows.find((row) => row.name === name)?.kind === 'charged');
    if (charged.length === 0) continue;
    test(`in all modes on 6.1, 6.12 and with error injection: ${charged.join(', ')}`, async (t) => {
      if (hasTime(t)) await assertSameInAllModes(t, ['6.1', '6.12', ERROR_INJECTION], charged);
    });
  }
} else {
  test(SAME, async (t) => {
    if (await needsKernel(t, '5.10')) await assertSame(t, CHOSEN);
  });
  test('kernel and gate beside native on 6.1, and beside it on a kernel that has no module', (t) =>
    assertSameInAllModes(t, ['6.1', ERROR_INJECTION], ['eventfd']));
  testCommand();
}

async function assertSameInAllModes(t: ExecutionContext, kernels: readonly string[], chosen: readonly string[]) {
  for (const kernel of kernels) if (!(await needsKernel(t, kernel))) return;
  const rowOptions = chosen.flatMap((name) => ['--row', name]);
  const { status, stdout, report } = await compare(t, [
    ...['--kernel', kernels.join(','), '--mode', 'kernel,gate'],
    ...rowOptions,
  ]);
  t.log(stdout);
  t.is(status, 0, stdout);
  const compared: RowComparison[] = report.rows;
  t.is(compared.length, 2 * kernels.length * chosen.length);
  for (const { row, mode, granularity, kernel, reference, verdict, reasons } of compared) {
    t.is(verdict, 'same', `${row.name}, ${mode} on ${kernel}: ${reasons.join()}`);
    t.regex(reference, /^6\.(1|12)\./);
    // Only ours has a name after its version.
    t.is(reference === kernel, !kernel.includes('-'), `${kernel} beside ${reference}`);
    t.is(granularity, mode === 'gate' ? 'syscall' : kernel.includes('-') ? 'allocation' : 'object', kernel);
  }
}

/** The same errno after equally many objects, within 5 %, under three limits. */
async function assertSame(t: ExecutionContext, chosen: readonly string[]): Promise<void> {
  const { status, stdout, report } = await compare(
    t,
    chosen.flatMap((name) => ['--row', name]),
  );
  t.log(stdout);
  t.is(status, 0, stdout);
  t.regex(report.kernel, /^5\.10/);
  const compared: RowComparison[] = report.rows;
  t.deepEqual(
    compared.map(({ row }) => row.name),
    chosen,
  );
  for (const { row, verdict, limits, errnos, reasons } of compared) {
    t.is(verdict, 'same', `${row.name}: ${reasons.join()}`);
    t.is(limits.length, row.kind === 'charged' ? 3 : 1, row.name);
    for (const { native, compared: made } of limits) {
      t.true((native ?? 0) > 0, row.name);
      if (row.kind === 'charged') t.true(Math.abs((made ?? 0) / (native ?? 0) - 1) <= 0.05, row.name);
    }
    t.is(
      errnos.native.every(({ errno }) => errno === 0),
      row.kind === 'uncharged',
      row.name,
    );
    t.is(
      errnos.compared.every(({ errno }) => errno === 0),
      row.kind !== 'charged',
      row.name,
    );
  }
}

function testCommand(): void {
  test('a gate with too large a reserve is not the same', async (t) => {
    if (!(await needsKernel(t, '5.10'))) return;
    const { status, stdout, report } = await compare(t, ['--row', 'pipe', '--limits', '1M', '--reserve', '128K']);
    t.is(status, 1);
    t.is(report.same, false);
    t.regex(stdout, /\n {2}differs: 1 MiB: \d+ objects instead of \d+, -\d+\.\d %\n/);
    t.regex(stdout, /not the same: pipe \(differs\)\n$/);
  });

  test('an interrupt is reported, and nothing is left', async (t) => {
    if (!(await needsKernel(t, '5.10'))) return;
    t.timeout(TIMEOUT_MS);
    const harness = makeHarness(t);
    const output = harness.path('stdout');
    const running = harness.start(['fidelity', '--row', 'fork', '--row', 'dup'], {
      json: false,
      stdout: { file: output },
    });
    const over = running.ended.then(() => true);
    const told = () => existsSync(output) && readFileSync(output, 'utf8').includes('fork, a paused child');
    while (!told() && !(await Promise.race([over, sleep(50)])));
    running.signal('SIGINT');
    const { status, stderr } = await running.ended;
    t.is(status, 130);
    t.is(stderr, 'kmem-run: interrupted; everything made for the comparison has been removed\n');
    harness.assertNothingLeft();
  });

  test('a terminal shows the progress below the measured rows, and Ctrl-C stops it', async (t) => {
    if (!(await needsKernel(t, '5.10'))) return;
    t.timeout(TIMEOUT_MS);
    const harness = makeHarness(t);
    const line = `${process.execPath} ${bin} fidelity --row eventfd --row fork --row dup --limits 1M`;
    // The second row is measured by then.
    const typed =
      "until grep -q '4 of 6 runs' shown; do sleep 0.1; done; printf '\\003'; until grep -q interrupted shown; do sleep 0.1; done";
    const script = `(${typed}) | script -qefc "$0" shown > /dev/null`;
    await harness.startProgram(['sh', '-c', script, line], { timeout: TIMEOUT_MS }).ended;
    const shown = harness.read('shown').replaceAll('\u001b', '␛');
    t.regex(shown, /\r␛\[K2 of 6 runs ▕████░{8}▏ [^;]+ left; now fork native at 1 MiB/);
    t.regex(shown, /\r␛\[Kfork, a paused child /);
    t.regex(shown, /\r␛\[Kkmem-run: interrupted; everything made for the comparison has been removed\r\n/);
    harness.assertNothingLeft();
  });

  test('the smallest limit of a command passes in both modes, and a page less fails', async (t) => {
    if (!(await needsKernel(t, '5.10'))) return;
    const { status, stdout, report } = await compare(t, ['--', 'sh', '-c', 'true & true & wait']);
    t.is(status, 0, stdout);
    t.deepEqual(
      report.found.map(({ mode }: { mode: string }) => mode),
      ['native', 'gate'],
    );
    for (const { limit, below } of report.found) {
      t.is(limit % 4096, 0);
      t.true(limit > 64 * 1024 && limit < 2 * report.peak + 128 * 1024, stdout);
      t.regex(below, /sh -c/);
    }
  });

  test('a command that fails without a limit has no smallest limit', async (t) => {
    if (!(await needsKernel(t, '5.10'))) return;
    const { status, stdout } = await compare(t, ['--', 'sh', '-c', 'exit 3']);
    t.is(status, 1);
    t.regex(stdout, /nothing to compare; without a limit: sh -c 'exit 3' failed with exit status 3/);
  });
}
