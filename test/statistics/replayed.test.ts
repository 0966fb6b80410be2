import test from 'ava';
import type { Result } from '../../src/result/schema.ts';
import { factsOf, type RecordedFacts } from '../../src/statistics/recorded.ts';
import { compareReplays, isInDoubt } from '../../src/statistics/replayed.ts';
import { apacheStopFails, expectation, failure, result, step, unread } from '../fixtures/results.ts';

function facts(changes: Parameters<typeof result>[0] = {}): RecordedFacts {
  return factsOf(result(changes));
}

function peak(maxUsage: number | null): RecordedFacts {
  return facts({ kmem: { maxUsage } });
}

const PAGE = 4096;

function different(recorded: RecordedFacts, ...replays: readonly RecordedFacts[]): string[] {
  const { kinds, figures } = compareReplays(recorded, replays);
  return [...kinds, ...figures].filter(({ verdict }) => verdict === 'different').map(({ what }) => what);
}

test('a run is the same as itself', (t) => {
  for (const kept of [result(), apacheStopFails(), unread()]) {
    const own = factsOf(kept);
    t.is(compareReplays(own, [own, own]).verdict, 'same');
    t.deepEqual(different(own, own), []);
  }
  t.is(compareReplays(facts(), []).verdict, null);
});

test('outcome, exits, expectations and the first failed call must match exactly', (t) => {
  const was = factsOf(apacheStopFails());
  t.deepEqual(different(was, { ...was, outcome: 'failed' }), ['outcome']);
  const stops = apacheStopFails().steps.map((one, index) => (index === 2 ? step('apachectl stop') : one));
  t.deepEqual(different(was, factsOf({ ...apacheStopFails(), steps: stops })), ['step 2']);
  t.deepEqual(different(was, factsOf({ ...apacheStopFails(), steps: stops.slice(0, 2) })), ['step 2']);
  const killed = stops.map((one) => ({ ...one, exit: { code: null, signal: 'SIGSEGV' } }));
  t.deepEqual(different(was, factsOf({ ...apacheStopFails(), steps: killed })), ['step 0', 'step 1', 'step 2']);
  const missed = [expectation('failcnt>0', { passed: false })];
  const held = [expectation('failcnt>0')];
  t.deepEqual(different(facts({ expectations: held }), facts({ expectations: missed })), ['expectation failcnt>0']);
  const elsewhere = [failure({ syscall: 'openat' })];
  t.deepEqual(different(was, factsOf({ ...apacheStopFails(), failures: elsewhere })), ['first call']);
  t.deepEqual(different(was, factsOf({ ...apacheStopFails(), failures: [] })), ['first call']);
  // The paths often contain a number that differs each time.
  const otherPath = [failure({ detail: '/tmp/1234' })];
  t.deepEqual(different(was, factsOf({ ...apacheStopFails(), failures: otherPath })), []);
});

test('one differing replay among several is a difference, and the counts are reported', (t) => {
  const crashed = facts({ outcome: 'signaled' });
  const { verdict, kinds } = compareReplays(crashed, [crashed, facts(), crashed]);
  t.is(verdict, 'different');
  t.deepEqual(kinds[0]?.replayed, { signaled: 2, passed: 1 });
});

test('a peak may differ by the usual variation, its uncertainty and the spread of the replays', (t) => {
  t.deepEqual(different(peak(100 * PAGE), peak(100 * PAGE)), []);
  t.deepEqual(different(peak(100 * PAGE), peak(102 * PAGE)), []);
  t.deepEqual(different(peak(100 * PAGE), peak(103 * PAGE)), ['kmem peak']);
  t.deepEqual(different(peak(100 * PAGE), peak(97 * PAGE)), ['kmem peak']);
  const unsure = facts({ kmem: { maxUsage: 103 * PAGE, uncertainty: PAGE } });
  t.deepEqual(different(peak(100 * PAGE), unsure), []);
  t.deepEqual(different(peak(100 * PAGE), ...[105, 108, 110].map((pages) => peak(pages * PAGE))), []);
  t.deepEqual(different(peak(100 * PAGE), ...[108, 108, 110].map((pages) => peak(pages * PAGE))), ['kmem peak']);
  const { figures } = compareReplays(peak(100 * PAGE), [peak(101 * PAGE)]);
  t.like(figures[1], { what: 'kmem peak', verdict: 'within-spread', tolerance: 2 * PAGE });
});

test('failcnt must match or lie within the range of the replays', (t) => {
  const failcnt = (count: number): RecordedFacts => facts({ kmem: { failcnt: count } });
  t.deepEqual(different(failcnt(4), failcnt(4)), []);
  t.deepEqual(different(failcnt(4), failcnt(5)), ['failcnt']);
  t.deepEqual(different(failcnt(4), failcnt(3), failcnt(9)), []);
  t.deepEqual(different(failcnt(0), failcnt(900), failcnt(1000)), ['failcnt']);
});

test('a figure missing on one side decides nothing', (t) => {
  const { verdict, figures } = compareReplays(peak(null), [peak(4096)]);
  t.is(verdict, 'same');
  t.is(figures[1]?.verdict, 'not-known');
});

test('only figures can be in doubt', (t) => {
  t.true(isInDoubt(compareReplays(peak(4096), [peak(409_600)])));
  t.false(isInDoubt(compareReplays(peak(4096), [peak(4096)])));
  t.false(isInDoubt(compareReplays(peak(4096), [facts({ outcome: 'failed', kmem: { maxUsage: 409_600 } })])));
});

test('not-reached and diverged injections are distinguished', (t) => {
  const injected = (outcome: string, seen: string | null = null): RecordedFacts => {
    const injections = [{ address: '0/17:mmap', mode: 'once', outcome, denials: 1, seen }];
    return factsOf({ ...result(), injections } as unknown as Result);
  };
  t.deepEqual(different(injected('injected'), injected('injected')), []);
  t.deepEqual(different(injected('not-reached'), injected('not-reached')), []);
  t.deepEqual(different(injected('injected'), injected('not-reached')), ['injection 0/17:mmap']);
  const { kinds } = compareReplays(injected('injected'), [injected('not-reached'), injected('diverged', 'openat')]);
  t.deepEqual(kinds.find(({ what }) => what === 'injection 0/17:mmap')?.replayed, {
    'not-reached': 1,
    'diverged: it was openat': 1,
  });
  // Nothing ran there, or it was saved before injections existed.
  const untold = compareReplays({ ...injected('injected'), injections: [] }, [injected('injected')]);
  t.is(untold.verdict, 'same');
  t.is(untold.kinds.at(-1)?.verdict, 'not-known');
});

test('changed circumstances are reported but decide nothing', (t) => {
  const { verdict, circumstances } = compareReplays(facts(), [
    facts({ environment: { kernel: '6.19.0', kmemRun: '0.2.0' } }),
  ]);
  t.is(verdict, 'same');
  t.deepEqual(circumstances, [
    { what: 'kernel', recorded: '6.18.5', replayed: ['6.19.0'] },
    { what: 'kmem-run', recorded: '0.1.0', replayed: ['0.2.0'] },
  ]);
});
