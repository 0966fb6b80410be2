/** Each chaos check fails when it should: one that never fails checks nothing. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openStore } from '../../src/store/store.ts';
import { result } from '../fixtures/results.ts';
import { judgeAnswer } from './inputs/judge.ts';
import { judgeRun } from './judge.ts';
import { type Choice, planOf } from './plan.ts';
import type { Observed, Place } from './run.ts';

const choice: Choice = { seed: 1, kinds: ['short'], actions: ['term'], kernel: null, enforce: null };
const ID = 'b889901ef923';

/** A disturbed run that went as it should; `change` makes it go wrong. */
function problemsOf(
  t: ExecutionContext,
  change: Partial<Observed> & { files?: Record<string, string>; kind?: string } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-judge-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { files = {}, kind = 'short', ...observed } = change;
  const written = {
    groups: `12 /user/kmem-run.${ID}\n13 /user/kmem-run.${ID}/run\n`,
    'result.json': JSON.stringify(result({ id: ID })),
    ...files,
  };
  for (const [name, text] of Object.entries(written)) if (text !== '') writeFileSync(join(folder, name), text);
  const plan = planOf({ ...choice, kinds: [kind] }, 0);
  const store = join(folder, '..', `${ID}.sqlite`);
  const place: Place = { folder, store, words: {} };
  return judgeRun(
    {
      ...{ plan, folder, label: 'chaos-0', status: 143, ended: false, done: true, reached: 1, goneMs: 1 },
      ...{ stderr: '', late: [], bystanders: [], ...observed },
    },
    place,
  );
}

test('a run that went as expected has no problem', (t) => {
  t.deepEqual(problemsOf(t), []);
  t.deepEqual(problemsOf(t, { status: 0 }), []);
  // The result is empty, since nobody could write it.
  t.deepEqual(problemsOf(t, { status: 'SIGKILL', files: { 'result.json': '' }, plan: killed }), []);
});

const killed = planOf({ ...choice, actions: ['kill-runner'] }, 0);

const wrong: Readonly<Record<string, readonly [Parameters<typeof problemsOf>[1], RegExp]>> = {
  'a process that stays': [{ late: ['sleep (7)'] }, /^1 still there: sleep \(7\)$/],
  'a bystander that was killed': [{ bystanders: ['306'] }, /^bystander 306 was killed$/],
  'a stack trace': [{ stderr: 'Error: x\n    at main (file:///x.ts:1:2)\n' }, /^a stack trace$/],
  'a status that the table does not allow': [{ status: 1 }, /^ended with 1, not with 0, SIGTERM, 143$/],
  'a run that does not end': [{ status: null }, /^kmem-run did not end$/],
  'a file that stays': [{ files: { '.kmem-run-1.tmp': 'x' } }, /^file \.kmem-run-1\.tmp was left$/],
  'a result that is lost': [
    { status: 'SIGTERM', files: { 'result.json': '' } },
    /^no result \(status SIGTERM, the command/,
  ],
  'half a result': [{ files: { 'result.json': '{"schemaVersion":' } }, /^the result is not whole: /],
  'a result that is not in the store': [
    { kind: 'stored', status: 0 },
    /^no result \(status 0, the command had ended\)$/,
  ],
  'a step without a gated call': [
    { files: { 'result.json': JSON.stringify(result({ id: ID, enforcement: { mode: 'gate', gatedCalls: 0 } })) } },
    /^0 gated calls in 1 steps$/,
  ],
  'a program outside the group': [
    { files: { groups: '12 /user\n' } },
    /^1 programs began outside the group: 12 \/user$/,
  ],
  'a program in the group of another run': [{ files: { groups: '12 /kmem-run.abc\n' } }, /^1 programs began outside/],
};

for (const [what, [change, problem]] of Object.entries(wrong)) {
  test(`${what} is seen`, (t) => {
    const problems = problemsOf(t, change);
    t.is(problems.length, 1, problems.join('\n'));
    t.regex(problems[0] ?? '', problem);
  });
}

test('a result in the store is found by its label', (t) => {
  const file = join(mkdtempSync(join(tmpdir(), 'kmem-run-judge-')), 'store.sqlite');
  t.teardown(() => rmSync(join(file, '..'), { recursive: true, force: true }));
  const store = openStore(file);
  store.saveRun({ result: result(), experimentId: null, label: 'chaos-0' });
  store.close();
  const plan = planOf({ ...choice, kinds: ['stored'] }, 0);
  const observed: Observed = {
    ...{ plan, folder: join(file, '..'), label: 'chaos-0', status: 0, ended: false, done: true, reached: 1, goneMs: 1 },
    ...{ stderr: '', late: [], bystanders: [] },
  };
  writeFileSync(join(file, '..', 'groups'), '');
  const place: Place = { folder: '', store: file, words: {} };
  t.deepEqual(judgeRun({ ...observed, status: 'SIGKILL', plan: killed }, place), []);
  t.true(judgeRun(observed, place).every((problem) => problem.startsWith('file store.sqlite')));
});

test('the same seed and number give the same run, whatever was drawn before', (t) => {
  const all: Choice = { ...choice, kinds: [], actions: [] };
  const told = (number: number) => {
    const { kind, action, delayMs, pauseMs, draw } = planOf(all, number);
    return [kind.name, action.name, delayMs, pauseMs, draw.below(1000)];
  };
  const first = [0, 1, 2, 3].map(told);
  t.deepEqual([3, 2, 1, 0].map(told).toReversed(), first);
  t.true(new Set(first.map(String)).size > 1);
});

const asked = { number: 0, kind: 'size', args: [], statuses: [0, 125], several: false } as const;
const refused = 'kmem-run: --kmem is no size: x\n  hint: as in 4M\n';

test('an input with an expected answer is accepted', (t) => {
  t.deepEqual(judgeAnswer(asked, { status: 125, stdout: '', stderr: refused }), []);
  t.deepEqual(judgeAnswer(asked, { status: 0, stdout: 'a,b\r\n', stderr: '' }), []);
});

for (const [what, answer] of Object.entries({
  'a status that is not documented': { status: 1, stderr: '' },
  'an input that is never answered': { status: null, stderr: '' },
  'no hint': { status: 125, stderr: 'kmem-run: no\n' },
  'two hints': { status: 125, stderr: `${refused}  hint: and\n` },
  'two reasons': { status: 125, stderr: `kmem-run: first\n${refused}` },
  'an error of the language': { status: 125, stderr: refused.replace('x', 'TypeError: x') },
  'a control character': { status: 125, stderr: refused.replace('x', '\x1b[2J') },
  'a text that turns the line around': { status: 125, stderr: refused.replace('x', '\u202e') },
  'a whole file on stderr': { status: 125, stderr: refused.replace('x', 'x'.repeat(10_000)) },
}))
  test(`${what} is seen`, (t) => {
    t.is(judgeAnswer(asked, { stdout: '', ...answer }).length, 1);
  });
