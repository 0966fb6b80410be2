import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { openStore } from '../../src/store/store.ts';
import { makeKept } from '../commands/kept.ts';
import { assertRefused } from '../harness.ts';

test.serial('without --keep nothing is saved', async (t) => {
  const { kmemRun, file } = makeKept(t);
  t.is((await kmemRun(['--', 'true'])).status, 0);
  t.false(existsSync(file));
});

test.serial('--keep saves the run in the store and prints how to show it', async (t) => {
  const { kmemRun, file, assertNothingLeft } = makeKept(t);
  const ran = await kmemRun(['--kmem', '200K', '--keep', '--', 'sh', '-c', 'sleep 0.1 & sleep 0.1 & wait']);
  t.is(ran.status, 2, 'the status is still that of the command');
  const id = /\nkmem-run: saved: kmem-run show (\w+)\n$/.exec(ran.stderr)?.[1] ?? '';
  const store = openStore(file, 'read');
  const { result, label } = store.run(id);
  const failcnt = result.kmem.failcnt ?? 0;
  t.like(result, { id, outcome: 'failed' });
  t.true(failcnt > 0, 'one sleep or both, as the machine schedules them');
  t.is(label, null);
  t.like(store.list({})[0], { outcome: 'failed', kmemLimit: 204_800, failcnt, mode: 'gate' });
  store.close();
  const shown = await kmemRun(['show', id]);
  t.true(ran.stderr.includes(shown.stdout), 'the report is the same');
  assertNothingLeft();
});

test.serial('--label and --store also save; --quiet prints nothing', async (t) => {
  const { kmemRun, path, file } = makeKept(t);
  for (let index = 0; index < 2; index++) {
    const ran = await kmemRun(['--quiet', '--store', 'own.sqlite', '--label', 'before', '--', 'true']);
    t.deepEqual({ status: ran.status, stderr: ran.stderr }, { status: 0, stderr: '' });
  }
  t.false(existsSync(file));
  const loud = await kmemRun(['--store', 'own.sqlite', '--', 'true']);
  t.regex(loud.stderr, new RegExp(`saved: kmem-run show \\w+ --store ${path('own.sqlite')}\\n$`));
  const { stdout } = await kmemRun(['history', '--store', 'own.sqlite', '--label', 'before', '--json']);
  t.is(JSON.parse(stdout).length, 2);
});

test.serial('a run that could not start is saved as such', async (t) => {
  const { kmemRun, file } = makeKept(t);
  t.is((await kmemRun(['--keep', '--', 'kmem-run-absent'])).status, 127);
  const store = openStore(file, 'read');
  t.like(store.run('@').result, { outcome: 'setup-error', error: { code: 'command-not-found' } });
  store.close();
});

test.serial(
  'if the store fails, the report is printed, the result is saved elsewhere and the status is 125',
  async (t) => {
    const { kmemRun, path, read, folder } = makeKept(t);
    writeFileSync(path('notes.txt'), 'no store, but long enough to be taken for one '.repeat(100));
    const before = read('notes.txt');
    const ran = await kmemRun(['--store', 'notes.txt', '--', 'echo', 'ran']);
    t.is(ran.status, 125);
    t.is(ran.stdout, 'ran\n');
    t.regex(ran.stderr, /^kmem-run: passed/);
    const [, file = ''] =
      /\nkmem-run: the store ".*\/notes\.txt" cannot be used: .*; the result is in "(.*)" instead\n {2}hint: .*\n$/.exec(
        ran.stderr,
      ) ?? [];
    t.regex(file, new RegExp(`^${folder}/kmem-run-\\w+\\.json$`));
    t.like(JSON.parse(read(file.slice(folder.length + 1))), { schemaVersion: 1, outcome: 'passed' });
    t.is(read('notes.txt'), before);
  },
);

test.serial('an invalid store or label is refused before anything runs', async (t) => {
  const { kmemRun, has, folder } = makeKept(t);
  for (const [reason, ...args] of [
    [/--store: no such folder/, '--store', 'none/a.sqlite'],
    [/--store: .* is a folder/, '--store', folder],
    [/--label: invalid label "a,b"/, '--label', 'a,b'],
    [/--label: invalid label "@"/, '--label', '@'],
    [/--label: invalid label "\\u001b\[2J"/, '--label', '\u001b[2J'],
    [/--no-keep cannot be combined with --store or --label/, '--no-keep', '--label', 'x'],
  ] as const) {
    const ran = await kmemRun([...args, '--', 'touch', 'ran']);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
  }
  t.false(has('ran'));
  t.deepEqual(
    readdirSync(folder).filter((name) => /sqlite|\.json$/.test(name)),
    [],
  );
});

test.serial('concurrent runs save all their results', async (t) => {
  const { kmemRun, file } = makeKept(t);
  const ran = await Promise.all(Array.from({ length: 4 }, () => kmemRun(['--keep', '--quiet', '--', 'true'])));
  t.deepEqual(
    ran.map(({ status, stderr }) => [status, stderr]),
    Array(4).fill([0, '']),
  );
  const store = openStore(file, 'read');
  t.is(store.list({}).length, 4);
  store.close();
});
