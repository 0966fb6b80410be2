/**
 * node in-machine.ts LOG SCRIPT: runs a shell script in a microVM with this process's own streams, as kmem-run would,
 * and records events in LOG. For tests that need a separate process for that: with a terminal, or to be killed.
 */

import { appendFileSync } from 'node:fs';
import { findKernel } from '../../src/kernels/find.ts';
import { bootMachine } from '../../src/vm/machine.ts';
import { runInMachine } from '../../src/vm/session.ts';

const [log = '', script = ''] = process.argv.slice(2);
function note(words: string): void {
  appendFileSync(log, `${words}\n`);
}

note(`runner ${process.pid}`);
const machine = await bootMachine({
  kernel: await findKernel('5.10'),
  memory: 512 * 1024 * 1024,
  cpus: 1,
  rw: [],
  prefetch: [],
  serves: false,
  accel: 'tcg',
  retries: 2,
  onProgress: note,
});
note(`qemu ${machine.pid}`);
const session = runInMachine(machine, {
  guest: {
    cgroup: 'v1',
    hostname: 'guest',
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TERM: 'xterm', LANG: 'C.UTF-8' },
    argv: ['/bin/bash', '--norc', '--noprofile', '-c', script],
  },
  stdin: 0,
  stdout: 1,
  stderr: 2,
  runner: null,
  onStarted: () => note('started'),
});
const end = await session.ended;
note(`end ${JSON.stringify(end)}`);
note(`peak ${process.resourceUsage().maxRSS}`);
await machine.kill();
process.exitCode = end.code ?? 99;
