/** Tasks that leave or enter the group: BPF programs see them, however and by whomever they are moved. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { groupsIn, startIn, until, version } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness, type Ran } from '../harness.ts';
import { needs, where } from '../needs.ts';
import { whyNoPrograms } from '../programs.ts';

const test = anyTest.serial;
const LEFT = /^(\S+) \(pid (\d+)\) left the group: /;
const ENTERED = /^(\S+) \(pid (\d+)\) was moved into the group from outside$/;
const BORN_OUTSIDE = /^(\S+) \(pid (\d+)\) was started outside the group: /;
/** The file by which a process moves only itself or another. */
const JOIN = version === 1 ? 'tasks' : 'cgroup.procs';

const canWatch = (t: ExecutionContext): boolean => needs(t, whyNoPrograms === null, `BPF programs: ${whyNoPrograms}`);

/** From the notes about moves: the name and pid. */
function told({ result }: Ran, pattern: RegExp): [comm: string, pid: number][] {
  const found = (result?.enforcement.notes ?? []).map((note) => pattern.exec(note));
  return found.flatMap((match) => (match === null ? [] : [[match[1] ?? '', Number(match[2])]]));
}

function movesIn(ran: Ran): number {
  return [LEFT, ENTERED, BORN_OUTSIDE].flatMap((pattern) => told(ran, pattern)).length;
}

function assertAllSeen(t: ExecutionContext, { result }: Ran): void {
  t.like(result?.enforcement.programs, { moves: true, lost: 0, missed: 0 });
}

/** A cgroup next to the run's; it is removed with the sandbox. */
function makeElsewhere({ sandbox }: Harness): string {
  const directory = `${sandbox.memory}/elsewhere`;
  mkdirSync(directory);
  return directory;
}

test('a task that writes itself to another group is named', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const script = 'echo $$; echo 0 > "$0"; true';
  const ran = await harness.run(['--kmem', '4M', '--', 'sh', '-c', script, `${makeElsewhere(harness)}/${JOIN}`]);
  t.is(ran.status, 0, ran.stderr);
  assertAllSeen(t, ran);
  t.deepEqual(told(ran, LEFT), [['sh', Number(ran.stdout)]]);
  t.is(movesIn(ran), 1);
  t.regex(ran.stderr, /left the group: what it allocates there is neither limited nor counted/);
});

test('a task with more ancestors than the BPF program checks is named', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const command = [compileFixture('deep'), '60', `${makeElsewhere(harness)}/${JOIN}`];
  const ran = await harness.run(['--kmem', '16M', '--', ...command]);
  t.is(ran.status, 0, ran.stderr);
  assertAllSeen(t, ran);
  t.deepEqual(told(ran, LEFT), [['deep', Number(ran.stdout)]]);
  t.is(movesIn(ran), 1);
});

where(
  version === 1,
  'cgroup v1',
  test,
)('one that goes to and fro is named once, and the rest is counted', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const script = `g="$1"/$(sed -n 's/^[0-9]*:\\(memory\\)*://p' /proc/self/cgroup | head -n 1 | sed 's/.*\\///')
    i=0; while [ $i -lt 1500 ]; do echo 0 > "$0"; echo 0 > "$g/${JOIN}"; i=$((i+1)); done; echo done`;
  const ran = await harness.run([
    '--kmem',
    '4M',
    '--',
    'dash',
    '-c',
    script,
    `${makeElsewhere(harness)}/${JOIN}`,
    harness.sandbox.memory,
  ]);
  t.is(ran.stdout, 'done\n', ran.stderr);
  t.is(ran.status, 0, ran.stderr);
  t.is(told(ran, LEFT).length, 1);
  t.is(ran.result?.escapes?.length, 100);
  // 1,500 moves out of the group: the first 1,000 are named.
  t.is(ran.result?.enforcement.programs?.lost, 500);
});

test('a task that uses another path to the file is named, with or without a limit', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  symlinkSync(`${makeElsewhere(harness)}/${JOIN}`, harness.path('innocent'));
  for (const options of [['--kmem', '4M'], []]) {
    const ran = await harness.run([...options, '--', 'sh', '-c', 'echo $$; echo 0 > innocent']);
    t.is(ran.status, 0, ran.stderr);
    t.deepEqual(told(ran, LEFT), [['sh', Number(ran.stdout)]]);
    t.is(movesIn(ran), 1);
  }
});

test('a task moved out from outside is named, and so is a task moved in', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const elsewhere = makeElsewhere(harness);
  const script = 'echo $$ > starting && mv starting pid; until [ -e go ]; do sleep 0.02; done';
  const running = harness.start(['--kmem', '4M', '--', 'sh', '-c', script]);
  await until(() => harness.has('pid'));
  const pid = Number(harness.read('pid'));
  const [group] = groupsIn(harness.sandbox);
  const stranger = await startIn(t, [elsewhere], ['sleep', '60']);
  const leaf = version === 1 ? `${group}` : `${group}/run`;
  writeFileSync(`${leaf}/${JOIN}`, `${stranger.pid}`);
  writeFileSync(`${elsewhere}/${JOIN}`, `${pid}`);
  writeFileSync(harness.path('go'), '');
  const ran = await running.ended;
  t.is(ran.status, 0, ran.stderr);
  assertAllSeen(t, ran);
  t.deepEqual(told(ran, ENTERED), [['sleep', stranger.pid]]);
  t.deepEqual(told(ran, LEFT), [['sh', pid]]);
  t.is(movesIn(ran), 2);
});

test('clone3 into a unified group: on v1 memory stays where it was, on v2 the child is named', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const elsewhere = `${harness.sandbox.unified}/elsewhere`;
  if (version === 1) mkdirSync(elsewhere);
  else makeElsewhere(harness);
  const ran = await harness.run(['--kmem', '4M', '--', compileFixture('born-elsewhere'), elsewhere]);
  t.is(ran.status, 0, ran.stderr);
  assertAllSeen(t, ran);
  const child = Number(ran.stdout);
  t.deepEqual(told(ran, BORN_OUTSIDE), version === 1 ? [] : [['born-elsewhere', child]]);
  t.is(movesIn(ran), version === 1 ? 0 : 1);
});

test('a run whose tasks stay reports nothing: joiners, forks, threads, daemons and steps do not count', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const daemon = 'setsid sh -c "sleep 0.2; true" & true';
  const threads = 'import threading; [threading.Thread(target=print).start() for _ in range(4)]';
  const steps = ['--then', `python3 -c '${threads}'`, '--then', 'sh -c "true | true"', '--then', 'true'];
  for (const options of [
    ['--kmem', '64M', '--pids', '100'],
    ['--enforce', 'none'],
  ]) {
    const ran = await harness.run([...options, ...steps, '--', 'sh', '-c', daemon]);
    t.is(ran.status, 0, ran.stderr);
    assertAllSeen(t, ran);
    t.is(movesIn(ran), 0, ran.result?.enforcement.notes.join('\n'));
  }
  harness.assertNothingLeft();
});

test('a move within the group is ignored', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const script = `d=$(sed -n 's/^[0-9]*:\\(memory\\)*://p' /proc/self/cgroup | head -n 1); d="$0"/$(basename "$d")
    mkdir "$d/below" && echo 0 > "$d/below/${JOIN}" && echo 0 > "$d/${JOIN}" && rmdir "$d/below" && echo done`;
  if (version === 2) return t.pass('on v2 a group with processes has none below it');
  const ran = await harness.run(['--kmem', '4M', '--', 'sh', '-c', script, harness.sandbox.memory]);
  t.is(ran.stdout, 'done\n', ran.stderr);
  assertAllSeen(t, ran);
  t.is(movesIn(ran), 0, ran.result?.enforcement.notes.join('\n'));
  harness.assertNothingLeft();
});

test('in a PID namespace, where numbers are not the kernel’s own, nothing is reported as watched', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const under = ['unshare', '--pid', '--fork', '--mount-proc'];
  const { status, stderr, result } = await harness.run(['--kmem', '4M', '--', 'true'], { under });
  t.is(status, 0, stderr);
  const notes = result?.enforcement.notes.join('\n') ?? '';
  t.like(result?.enforcement.programs, { moves: false, faults: null });
  // Instead, processes' locations are looked up now and then.
  t.deepEqual(result?.escapes, []);
  t.notRegex(notes, /from outside/);
  t.regex(notes, /not watched by BPF programs: .*tasks that leave the group/);
  harness.assertNothingLeft();
});
