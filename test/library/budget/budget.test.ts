import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { run } from 'kmem-run';

const BUDGET = 4 * 1024 * 1024;
const VISITORS = 100;

test('a hundred visitors at a time cost the server at most 4 MiB of kernel memory', async (t) => {
  const port = await freePort();
  const stop = new AbortController();
  const running = run(
    {
      command: [process.execPath, join(import.meta.dirname, 'server.js'), String(port)],
      kmem: BUDGET,
      timeout: '60s',
      output: 'null',
    },
    { signal: stop.signal },
  );
  // The visitors run in this process, outside the server's group, so they do not count against its budget.
  // If the server rejects them, the result says why.
  const visits = visit(port, stop.signal).catch(() => stop.abort());
  const result = await running;
  stop.abort();
  await visits;

  // Node tries io_uring, which the gate refuses at any budget, and continues without it.
  const denied = result.failureCounts.filter(({ syscall }) => syscall !== 'io_uring_setup');
  t.deepEqual(denied, [], 'calls that the budget was too small for');
  t.is(result.outcome, 'passed');
  t.log(`peak: ${result.kmem.maxUsage} of ${BUDGET} bytes`);
});

async function visit(port: number, signal: AbortSignal): Promise<void> {
  while (!(await answers(port))) await sleep(50, undefined, { signal });
  const sockets = Array.from({ length: VISITORS }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  for (const socket of sockets) socket.destroy();
  await fetch(`http://127.0.0.1:${port}/quit`);
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
