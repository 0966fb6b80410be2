/**
 * What is attributed to a step after its end, what is reported about orphans, and what `close` ends: from the helper's
 * own events.
 */

import { writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { stateOf, until } from '../cgroup/sandbox.ts';
import {
  ALL,
  aboutSteps,
  childNamed,
  childrenNamed,
  fill,
  holdBy,
  KIB,
  makeFifo,
  of,
  SLEEP,
  supervise,
} from './supervise.ts';

const { SIGKILL, SIGSEGV, SIGTERM } = os.signals;

test.serial('a daemon’s denials count on the step that ended last, and each denial on one step only', async (t) => {
  const { events, next, leave, limit, finish } = await supervise(t);
  const first = await leave();
  t.is(first.exit.denials, 0);
  const denied = await fill(first.ask);
  limit(null);
  await next('limit');
  const second = await leave();
  t.is(second.exit.denials, 0);
  limit(64 * KIB);
  await next('limit');
  // Of a step before the one that ended last.
  t.regex(await first.ask('pipes 1'), /^0 pipes/);
  t.regex(await second.ask('pipes 1'), /^0 pipes/);
  t.regex(await second.ask('pipes 1'), /^0 pipes/);
  const summary = await finish();

  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'go 1', 'exit 1', 'account 1', 'summary']);
  t.deepEqual(
    of(events, 'account').map(({ denials }) => denials),
    [denied, 3],
  );
  t.deepEqual(
    of(events, 'failure').map(({ step }) => step),
    [...Array<number>(denied).fill(0), 1, 1, 1],
  );
  t.is(summary.denials, denied + 3);
});

test.serial('an account’s highest usage covers the time up to the next step', async (t) => {
  const { events, leave, finish } = await supervise(t, () => ({ limit: null }));
  const first = await leave();
  await first.ask('pipes 300');
  const second = await leave();
  await second.ask('pipes 300');
  const summary = await finish();
  const [account, last] = of(events, 'account');
  t.true((account?.maxUsage ?? 0) > (first.exit.maxUsage ?? Infinity) + 200 * KIB);
  // The pipes still exist.
  t.true((second.exit.maxUsage ?? 0) > (first.exit.maxUsage ?? Infinity) + 200 * KIB);
  t.true((last?.maxUsage ?? 0) > (second.exit.maxUsage ?? Infinity) + 200 * KIB);
  t.true((summary.maxUsage ?? 0) >= Math.max(account?.maxUsage ?? Infinity, last?.maxUsage ?? Infinity));
});

test.serial(
  'while other steps run the account stays open and denials are theirs; the next end closes it',
  async (t) => {
    const { events, next, step, leave, limit, finish } = await supervise(t, () => ({ limit: null }));
    step(SLEEP, true);
    const { pid } = await next('go');
    await next('started');
    const daemon = await leave();
    await daemon.ask('pipes 300');
    limit(64 * KIB);
    await next('limit');
    await daemon.ask('pipes 1');
    process.kill(pid, 'SIGTERM');
    const exit = await next('exit');
    t.like(exit, { step: 0, signal: SIGTERM, denials: 1 });
    await daemon.ask('pipes 1');
    const summary = await finish();

    t.deepEqual(aboutSteps(events), ['go 0', 'go 1', 'exit 1', 'account 1', 'exit 0', 'account 0', 'summary']);
    t.deepEqual(
      of(events, 'failure').map((failure) => failure.step),
      [0, 0],
    );
    const [account, last] = of(events, 'account');
    t.is(account?.denials, 0);
    t.true((account?.maxUsage ?? 0) > (daemon.exit.maxUsage ?? Infinity) + 200 * KIB);
    t.is(last?.denials, 2);
    t.is(summary.denials, 2);
  },
);

test.serial('a step whose start is denied has an account as well', async (t) => {
  const { events, next, step, leave, limit, finish } = await supervise(t);
  const daemon = await leave();
  limit(64 * KIB);
  await next('limit');
  step(['/bin/true']);
  const denied = await next('denied');
  t.is(denied.denials, 1);
  await daemon.ask('pipes 1');
  const summary = await finish();
  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'denied 1', 'account 1', 'summary']);
  t.deepEqual(
    of(events, 'account').map(({ denials }) => denials),
    [0, 2],
  );
  t.is(summary.denials, 2);
});

test.serial('under a native limit each denial counts on one step, until close', async (t) => {
  let [failcnt, full] = ['', ''];
  const { pid, events, next, step, leave, close, finish } = await supervise(t, (folder) => {
    failcnt = join(folder, 'failcnt');
    writeFileSync(failcnt, '0\n');
    full = makeFifo(folder, 'full');
    return { limit: null, failcnt, lateJoin: [full] };
  });
  const refuse = (total: number): void => writeFileSync(failcnt, `${total}\n`);
  const { hold, held, release } = holdBy(t, full);
  const daemon = await leave();
  refuse(3);
  hold();
  step(SLEEP, true);
  await held(pid);
  // Of a step that is being handed over.
  refuse(4);
  release();
  const background = await next('go');
  await next('started');
  refuse(5);
  close();
  await next('closed');
  refuse(9);
  process.kill(background.pid, 'SIGTERM');
  t.is((await next('exit')).denials, 2);
  await finish();
  t.is(daemon.exit.denials, 0);
  t.deepEqual(
    of(events, 'account').map(({ denials }) => denials),
    [3],
  );
});

test.serial('an orphan that fails is reported by name; one that succeeds is not', async (t) => {
  const { pid, events, next, leave, finish } = await supervise(t, () => ({ limit: null }));
  const began = performance.now();
  const [well, badly, crashing] = [await leave(), await leave(), await leave()];
  const orphans = childrenNamed(pid, 'left-behind');
  t.is(orphans.length, 3);
  well.order('exit 0');
  await until(() => orphans.filter((orphan) => stateOf(orphan) === null).length === 1);
  badly.order('exit 3');
  const first = await next('orphan-ended');
  t.like(first, { comm: 'left-behind', code: 3, signal: null });
  crashing.order(`signal ${SIGSEGV}`);
  const second = await next('orphan-ended');
  t.like(second, { comm: 'left-behind', code: null, signal: SIGSEGV });
  await finish();
  t.is(of(events, 'orphan-ended').length, 2);
  t.deepEqual(new Set([first.pid, second.pid]).size, 2);
  t.true([first, second].every((told) => orphans.includes(told.pid)));
  const ended = of(events, 'exit').at(-1)?.atNs ?? Infinity;
  t.true(first.atNs > ended && second.atNs > first.atNs);
  t.true(second.atNs / 1e6 < performance.now() - began);
});

test.serial('a step’s own command is no orphan', async (t) => {
  const { events, next, step, finish } = await supervise(t, () => ({ limit: null }));
  step(['/bin/sh', '-c', 'exit 3']);
  t.like(await next('exit'), { code: 3 });
  step(['/bin/sh', '-c', 'kill -SEGV $$']);
  t.like(await next('exit'), { signal: SIGSEGV });
  await finish();
  t.deepEqual(of(events, 'orphan-ended'), []);
});

test.serial('a process killed while starting a step is no orphan', async (t) => {
  let full = '';
  const { pid, events, next, step, finish } = await supervise(t, (folder) => {
    full = makeFifo(folder, 'full');
    return { limit: null, lateJoin: [full] };
  });
  const { hold, held } = holdBy(t, full);
  hold();
  step(['/bin/true']);
  const killed = await held(pid);
  for (const child of killed) process.kill(child, SIGKILL);
  t.is((await next('setup-error')).stage, 'lost');
  await until(() => killed.every((child) => stateOf(child) === null));
  await finish();
  t.deepEqual(of(events, 'orphan-ended'), []);
});

test.serial('an orphan that ended before close is reported before the answer to it', async (t) => {
  const { pid, events, next, leave, close, finish } = await supervise(t, () => ({ limit: null }));
  await leave();
  const orphan = await childNamed(pid, 'left-behind');
  process.kill(pid, 'SIGSTOP');
  close();
  // Not by a call, which would wait for the helper.
  process.kill(orphan, 'SIGKILL');
  await until(() => stateOf(orphan) === 'Z');
  process.kill(pid, 'SIGCONT');
  await next('closed');
  t.deepEqual(
    of(events, 'orphan-ended').map((told) => told.pid),
    [orphan],
  );
  await finish();
});

test.serial('after close nothing is denied, counted or reported, and the figures stay the same', async (t) => {
  const { pid, events, next, step, leave, limit, askTotals, close, finish } = await supervise(t, () => ({
    // From its hundredth call on, regardless of the limit.
    inject: ['0.1/100+'],
  }));
  const daemon = await leave();
  step(SLEEP, true);
  const background = await next('go');
  await next('started');
  t.regex(await daemon.ask('pipes 10'), /^10 pipes/);
  const denied = await fill(daemon.ask);
  const refused = await daemon.ask('uring');
  askTotals();
  const totals = await next('totals');
  close();
  await next('closed');
  const told = events.length;

  t.is(await daemon.ask('pipes 500'), '500 pipes, errno 0');
  limit(64 * KIB);
  t.is((await next('limit')).refused, null);
  t.not(await daemon.ask('uring'), refused);
  askTotals();
  t.deepEqual(await next('totals'), totals);
  const orphan = await childNamed(pid, 'left-behind');
  daemon.order(`signal ${SIGSEGV}`);
  await until(() => stateOf(orphan) === null);
  process.kill(background.pid, 'SIGTERM');
  const exit = await next('exit');
  t.like(exit, { step: 1, denials: denied });
  t.true((exit.maxUsage ?? Infinity) <= (totals.maxUsage ?? 0));
  const summary = await finish();

  t.deepEqual(
    events.slice(told).map(({ event }) => event),
    ['limit', 'totals', 'exit', 'count', 'count', 'injection', 'summary', 'end'],
  );
  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'go 1', 'closed', 'exit 1', 'summary']);
  const { denials, gatedCalls, maxUsage } = summary;
  t.deepEqual({ event: 'totals', denials, gatedCalls, maxUsage }, totals);
  t.is(denials, denied);
  t.is(summary.refusals, 1);
  t.is(summary.limitMax, maxUsage);
  t.true((summary.peakSeen ?? Infinity) <= (maxUsage ?? 0));
});

test.serial('`close` closes the account of the step that ended last', async (t) => {
  const { events, next, leave, close, finish } = await supervise(t);
  const daemon = await leave();
  t.regex(await daemon.ask(`pipes ${ALL}`), /errno [1-9]/);
  close();
  await next('closed');
  t.is(await daemon.ask('pipes 500'), '500 pipes, errno 0');
  const summary = await finish();
  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'closed', 'summary']);
  const [account] = of(events, 'account');
  t.is(account?.denials, 1);
  t.is(summary.denials, 1);
  t.is(summary.maxUsage, account?.maxUsage ?? -1);
  t.true((summary.maxUsage ?? Infinity) <= 1024 * KIB);
  t.true((summary.limitMax ?? Infinity) <= 1024 * KIB);
  t.true((summary.peakSeen ?? Infinity) <= 1024 * KIB);
});

test.serial('a call that waits for reclaim at close is allowed', async (t) => {
  const { pid, events, next, leave, limit, askTotals, close, finish } = await supervise(t, () => ({}), {
    reclaim: true,
  });
  const daemon = await leave();
  const reclaimer = await childNamed(pid, 'kmem-reclaimer');
  process.kill(reclaimer, 'SIGSTOP');
  const answer = daemon.ask('pipes 2000');
  // At the limit it asks for reclaim and then makes no calls.
  let [calls, before] = [0, -1];
  while (calls !== before) {
    await sleep(100);
    askTotals();
    [calls, before] = [(await next('totals')).gatedCalls, calls];
  }
  // Everything that can be reclaimed.
  limit(64 * KIB);
  close();
  await next('closed');
  process.kill(reclaimer, 'SIGCONT');
  t.is(await answer, '2000 pipes, errno 0');
  const summary = await finish();
  t.is(summary.denials, 0);
  t.is(summary.reclaims, 1);
  t.true((summary.peakSeen ?? Infinity) <= 1024 * KIB);
  t.deepEqual(of(events, 'failure'), []);
});

test.serial('totals report the highest usage so far', async (t) => {
  const { next, leave, askTotals, finish } = await supervise(t, () => ({ limit: null }));
  askTotals();
  t.deepEqual(await next('totals'), { event: 'totals', denials: 0, gatedCalls: 0, maxUsage: null });
  const daemon = await leave();
  askTotals();
  const before = (await next('totals')).maxUsage ?? Infinity;
  t.true(before >= (daemon.exit.maxUsage ?? Infinity));
  await daemon.ask('pipes 300');
  askTotals();
  const after = (await next('totals')).maxUsage ?? 0;
  t.true(after > before + 200 * KIB);
  t.true(((await finish()).maxUsage ?? 0) >= after);
});
