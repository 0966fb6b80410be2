import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { slowness } from '../needs.ts';
import { made } from './made.ts';

/** If a single request takes seconds, twelve parallel runs in one process make it take a minute. */
const test = slowness > 1 ? anyTest.serial : anyTest;

/** Answers with the method, and 503 to the first `busy` requests. */
function serve(t: ExecutionContext, busy: number): Promise<string> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    response.statusCode = asked > busy ? 200 : 503;
    response.end(`${request.method} ${asked}`);
  });
  t.teardown(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  });
}

test('clients run outside the group, programs inside it, each with its own output', async (t) => {
  const where = 'cat /proc/self/cgroup';
  const { result, output } = await made(t, [
    { run: where, outside: true, expect: 'stdout!~kmem-run.' },
    { run: where, expect: ['stdout~kmem-run.', 'stderr==""'], name: 'inside' },
    { run: 'echo oops >&2; exit 3', outside: true, expect: ['exit==3', 'stderr==oops'] },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.expectations));
  const [first, second, third] = result.steps;
  t.is(first?.failcnt, null);
  t.true((first?.atMs ?? 0) < 0, 'it began before the first program of the group');
  t.is(second?.name, 'inside');
  t.true((second?.kmemMaxUsage ?? 0) > 0);
  t.is(third?.stderr, 'oops\n');
  t.true(output.endsWith('oops\n'));
});

test('a failed step expectation fails the run and names the step', async (t) => {
  const { result } = await made(t, [{ run: 'true' }, { run: 'echo a', expect: 'stdout==b' }]);
  t.is(result.outcome, 'expectation');
  const failed = result.expectations.filter(({ passed }) => !passed);
  t.like(failed[0], { expr: 'stdout==b', step: 1, actual: 'a', implicit: false });
  t.is(failed.length, 1);
});

test('an unanswered request is abandoned when its retry time is over', async (t) => {
  const server = createServer(() => {});
  t.teardown(() => server.close().closeAllConnections());
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  const { result } = await made(t, [{ run: 'true' }, { http: { url: `http://127.0.0.1:${port}/` }, within: 300 }], {
    timeout: '20s',
  });
  // Not ended by the run's timeout: a single request may take half a minute.
  t.is(result.outcome, 'failed');
  t.like(result.steps[1], { error: 'no answer: no answer in time', http: { status: null, attempts: 1 } });
});

test('a request is retried until it is answered as expected', async (t) => {
  const url = await serve(t, 2);
  const { result } = await made(t, [
    { run: 'true' },
    { http: url, expect: 'status==503' },
    { http: { url, method: 'post', body: 'x' }, within: '20s', expect: ['status==200', 'body~/^POST/'] },
    { http: url },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.like(result.steps[1]?.http, { status: 503, body: 'GET 1', attempts: 1 });
  t.like(result.steps[2]?.http, { status: 200, body: 'POST 3', attempts: 2 });
});

test('an attempt that is cut off does not hide the answer to the previous one', async (t) => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(404).end('nothing');
  });
  t.teardown(() => server.close().closeAllConnections());
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  const { result } = await made(t, [
    { run: 'true' },
    { http: { url: `http://127.0.0.1:${port}/` }, within: 4000 * slowness },
  ]);
  t.like(result.steps[1], { error: 'answered 404', http: { status: 404, body: 'nothing', attempts: 2 } });
});

test('a request without the expected answer fails the run', async (t) => {
  const url = await serve(t, 1);
  const { result } = await made(t, [{ run: 'true' }, { http: url }, { http: 'http://127.0.0.1:1/' }]);
  t.is(result.outcome, 'failed');
  t.deepEqual(
    result.steps.map(({ error }) => error),
    [null, 'answered 503', 'no answer: ECONNREFUSED'],
  );
});

test('a background client is waited for, signalled by name and stopped with the plan', async (t) => {
  const trapping = "trap 'echo hup >> heard' HUP; touch up; while :; do sleep 0.05; done";
  const { result, cwd } = await made(t, [
    { run: trapping, outside: true, background: true, name: 'client', ready: { file: 'up' } },
    { signal: 'HUP', to: { step: 'client' } },
    { wait: { log: '^hup', file: 'heard' } },
    { run: 'true' },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(readFileSync(join(cwd, 'heard'), 'utf8'), 'hup\n');
  t.like(result.steps[0], { stopped: true, background: true, exit: { code: null, signal: 'SIGTERM' } });
  t.true((result.steps[0]?.readyMs ?? -1) > 0);
});

test('a step that is never ready fails the run unless the error is expected', async (t) => {
  const ready = { port: 1, within: 50 };
  const { result } = await made(t, [{ run: 'true', ready }]);
  t.is(result.outcome, 'failed');
  // No process is left that could become ready.
  t.is(result.steps[0]?.error, 'not ready: nothing listens on 127.0.0.1:1: the program has ended (exit 0)');
  const left = await made(t, [{ run: 'sleep 300 &', ready }]);
  t.is(left.result.steps[0]?.error, 'not ready: nothing listens on 127.0.0.1:1 after 50 ms');
  const meant = await made(t, [{ run: 'true', ready, expect: 'error~/^not ready/' }]);
  t.is(meant.result.outcome, 'passed');
  const forgotten = await made(t, [{ run: 'true', ready, expect: 'failcnt==null' }]);
  t.is(forgotten.result.outcome, 'expectation');
});

test('when a step times out, everything it started is ended and the run continues', async (t) => {
  const { result } = await made(t, [
    { run: 'sleep 99; true', timeout: 100, expect: 'exit==124' },
    { wait: { empty: true, within: '20s' } },
    { run: 'sleep 99; true', outside: true, timeout: 100, expect: 'error~/ended after 100 ms/' },
    { run: 'true' },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
});

test('a signal reaches a daemon in the group by its PID file, and no process outside the group', async (t) => {
  const daemon = "(trap 'echo usr1 > heard; exit' USR1; touch up; while :; do sleep 0.05; done) & echo $! > pid";
  const { result } = await made(t, [
    { run: daemon, ready: { file: 'up' } },
    { run: 'echo $PPID > other', outside: true },
    { signal: 'USR1', to: { pidFile: 'other' }, expect: 'error~/not in the group/' },
    { signal: 'USR1', to: { pidFile: 'pid' } },
    { wait: { file: 'heard' } },
    { wait: { empty: true, within: '20s' } },
    { signal: 'TERM', expect: 'error~/the group contains no process/' },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
});

test('the time limit of the run ends clients too', async (t) => {
  const plan = [{ run: 'true' }, { run: 'sleep 98', outside: true }, { run: 'true' }];
  const { result } = await made(t, plan, { timeout: '1s', grace: '1s' });
  t.is(result.outcome, 'timeout');
  t.is(result.steps.length, 2);
  t.is(result.steps[1]?.exit.signal, 'SIGTERM');
});

test('failures name the step of the plan', async (t) => {
  const { result } = await made(
    t,
    [{ wait: 0 }, { run: 'true', outside: true }, { run: 'true', expect: ['exit==126', 'failcnt>0'] }],
    { kmem: '16K', reserve: 0 },
  );
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(result.failures[0]?.step, 2);
});
