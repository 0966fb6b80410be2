/**
 * Runs the commands in the transcript of docs/guides/baselines.md as printed: git finds the commit that keeps more
 * sockets.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { FIRST_BAD, GIT_ENVIRONMENT, makeHistory } from '../fixtures/history.ts';
import { bin, makeHarness } from '../harness.ts';
import { slowness } from '../needs.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'guides', 'baselines.md'), 'utf8');
const [, transcript = ''] = /<!-- run by test\/commands\/git-bisect\.test\.ts -->\n```\n(.*?)```/s.exec(page) ?? [];
const commands = transcript.split('\n').flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : []));

test('git bisect run finds the commit that exceeds the baseline and skips commits that do not build', async (t) => {
  const harness = makeHarness(t);
  const project = harness.path('project');
  makeHistory(project);
  mkdirSync(join(project, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(bin, join(project, 'node_modules', '.bin', 'kmem-run'));
  // Not below the harness' folder, which everyone may write to.
  const state = mkdtempSync(join(tmpdir(), 'kmem-run-state-'));
  t.teardown(() => rmSync(state, { recursive: true, force: true }));
  t.is(commands.length, 5);
  writeFileSync(harness.path('find.sh'), commands.map((command) => `${command} || exit\n`).join(''));

  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  // npm's compile cache, which it would leave in the temporary folder.
  const quiet = { NODE_DISABLE_COMPILE_CACHE: '1' };
  const env = { ...GIT_ENVIRONMENT, ...quiet, PATH, HOME: harness.folder, XDG_STATE_HOME: state };
  const start = { cwd: project, env, timeout: 600_000 * slowness };
  const { status, stdout, stderr } = await harness.startProgram(['sh', '../find.sh'], start).ended;
  t.is(status, 0, stdout + stderr);
  const said = `${stdout}\n${transcript}`;
  // The output equals what the page prints, including names of commits.
  for (const line of transcript.split('\n').filter((each) => /^\[|is the first bad commit$/.test(each)))
    t.is(said.split(`${line}\n`).length, 3, `${line}\n${stdout}${stderr}`);
  t.regex(stdout, new RegExp(`is the first bad commit\\n(.*\\n)+ {4}${FIRST_BAD}\\n`));
  t.regex(stdout, /could not be run\n {4}the set-up ended with 1\n/);
  t.regex(stdout, /^ {4}kmem peak \+\d+ % \(.*\), at step "(a visitor|another|a third)"$/m);
  harness.assertNothingLeft();
});
