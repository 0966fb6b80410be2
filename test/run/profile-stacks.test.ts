/** `--profile` of a server that keeps connections: the stacks of rows name the functions that made them. */

import { execFileSync } from 'node:child_process';
import anyTest, { type ExecutionContext } from 'ava';
import type { Profile, ProfileRow } from '../../src/result/schema.ts';
import { compileWith } from '../fixtures/compile.ts';
import { bin, makeHarness } from '../harness.ts';
import { where } from '../needs.ts';
import { functionsIn, profileIn, rowsOf, whyNoProfile } from './profile-runs.ts';

const test = where(whyNoProfile === null, `programs of --profile (${whyNoProfile})`, anyTest.serial);
const COUNT = 200;
const FRAMES = ['-fno-omit-frame-pointer'];
/** Who calls whom for each accepted connection, from the inside out. */
const TRUE_STACKS = [
  ['accept4', 'hoard_connections', 'serve', 'main'],
  ['accept4', 'close_connections', 'serve', 'main'],
];

const isOfServer = (name: string | null): name is string =>
  name !== null && /^(?:accept4|hoard_connections|close_connections|connect_one|serve|main)$/.test(name);

async function profileOf(t: ExecutionContext, suffix: string, flags: readonly string[]) {
  const harness = makeHarness(t);
  const hoard = compileWith('hoard', suffix, flags);
  const store = harness.path('store');
  const args = ['--profile', '--quiet', '--keep', '--store', store, '--', hoard, `${COUNT}`];
  const { status, stderr, result } = await harness.run(args);
  t.is(status, 0, stderr);
  harness.assertNothingLeft();
  return { profile: profileIn(result), store };
}

/** The inodes of accepted sockets. */
function accepted(profile: Profile): readonly ProfileRow[] {
  return rowsOf(profile, 'socket inode').filter(({ call }) => call === 'accept4');
}

/** Whether all of `part` occurs in `whole`, in the same order. */
function isWithin(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const name of whole) if (name === part[at]) at += 1;
  return at === part.length;
}

test('the stack of the kept connections names the function that keeps them, in the result and in the export', async (t) => {
  const { profile, store } = await profileOf(t, 'own-call', [...FRAMES, '-DOWN_CALL']);
  const stacks = accepted(profile).map(({ user, atPeak }) => ({
    names: functionsIn(profile, user).slice(0, 3),
    kept: atPeak.objects,
  }));
  const [most, other] = stacks.toSorted((a, b) => b.kept - a.kept);
  t.deepEqual(most, { names: ['hoard_connections', 'serve', 'main'], kept: COUNT });
  t.deepEqual(other?.names, ['close_connections', 'serve', 'main']);
  // Closed ones are freed after a grace period, so that some may be live.
  t.true((other?.kept ?? COUNT) < COUNT);
  const words = [bin, 'export', '--format', 'folded', '--store', store, '@'];
  const folded = execFileSync(process.execPath, words, { encoding: 'utf8' });
  const lines = folded.split('\n').filter((line) => line.includes(';socket inode ') && line.includes(';[accept4];'));
  t.is(lines.filter((line) => line.includes(';main;serve;hoard_connections;[accept4];')).length, 1, lines.join('\n'));
});

for (const [title, suffix, flags] of [
  ['the C library has no frame pointers', 'frames', FRAMES],
  ['nothing has frame pointers', 'no-frames', ['-fomit-frame-pointer']],
] as const) {
  test(`if ${title}, callers may be missing, but none is wrong`, async (t) => {
    const { profile } = await profileOf(t, suffix, flags);
    const rows = accepted(profile);
    t.true(rows.length > 0);
    for (const { user } of rows) {
      const names = functionsIn(profile, user).filter(isOfServer);
      t.is(names[0], 'accept4');
      t.true(
        TRUE_STACKS.some((stack) => isWithin(names, stack)),
        names.join(' < '),
      );
    }
  });
}
