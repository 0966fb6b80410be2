import test from 'ava';
import { perform, type Runner } from '../../../src/experiment/driver.ts';
import { planReplay, type ReplayQuestion } from '../../../src/experiment/replay/replay.ts';
import { normaliseSpec } from '../../../src/request/normalise.ts';
import type { RunSpec } from '../../../src/request/run-spec.ts';
import type { Result } from '../../../src/result/schema.ts';
import { recordedOf } from '../../../src/statistics/recorded.ts';
import { result } from '../../fixtures/results.ts';
import { unwatched } from '../programs.ts';

const spec = normaliseSpec({ command: ['server', '--selftest'], kmem: '1M', then: ['stop'], cpus: '0', cwd: '/' });
function made(peak: number, outcome: Result['outcome'] = 'passed'): Result {
  return {
    ...result({ outcome, kmem: { maxUsage: peak, failcnt: 0 } }),
    spec,
  };
}

const recorded = recordedOf(made(1_048_576), null);

/** Replays with these peaks, one after another; the last is repeated. */
async function replayed(peaks: readonly number[], asked: Partial<ReplayQuestion> = {}, outcome?: Result['outcome']) {
  const specs: RunSpec[] = [];
  const runner: Runner = async (given) => {
    specs.push(given);
    return made(peaks[specs.length - 1] ?? peaks.at(-1) ?? 0, outcome);
  };
  const plan = planReplay({ recorded, input: recorded.input, repeat: null, warmup: 0, ...asked });
  const { history, ended } = await perform(plan, plan.empty, {
    jobs: [{ cpus: null }],
    runner,
    ...unwatched,
  });
  return { specs, ended, history, compared: plan.compared(history) };
}

test('one replay with the recorded settings is enough if the result is the same', async (t) => {
  const { specs, ended, compared } = await replayed([1_048_576]);
  t.is(ended, 'done');
  t.deepEqual(specs, [spec]);
  t.is(compared.verdict, 'same');
});

test('one replay is enough if anything other than the figures differs', async (t) => {
  const { specs, compared } = await replayed([1_048_576], {}, 'failed');
  t.is(specs.length, 1);
  t.is(compared.verdict, 'different');
});

test('if only figures differ, up to five replays distinguish a change from noise', async (t) => {
  const change = await replayed([2_097_152]);
  t.is(change.specs.length, 5);
  t.is(change.compared.verdict, 'different');
  const noise = await replayed([1_100_000, 1_040_000]);
  t.is(noise.specs.length, 2);
  t.is(noise.compared.verdict, 'same');
});

test('makes exactly as many replays as asked', async (t) => {
  t.is((await replayed([1_048_576], { repeat: 7 })).specs.length, 7);
  t.is((await replayed([2_097_152], { repeat: 1 })).specs.length, 1);
});

test('warm-ups do not count', async (t) => {
  const { specs, compared, history } = await replayed([9_000_000, 9_000_000, 1_048_576], { warmup: 2 });
  t.is(specs.length, 3);
  t.is(history.replays.length, 1);
  t.is(compared.verdict, 'same');
});

test('an input that cannot run here is rejected before anything runs', (t) => {
  const gone = { ...recorded, input: { ...recorded.input, cwd: '/nonexistent/folder' } };
  const question = { recorded: gone, repeat: null, warmup: 0 };
  t.throws(() => planReplay({ ...question, input: gone.input }), { code: 'bad-cwd' });
  t.is(planReplay({ ...question, input: { ...gone.input, cwd: '/' } }).spec.cwd, '/');
});
