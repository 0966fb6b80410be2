import test from 'ava';
import { parseRunArgv } from '../../../src/commands/run-options.ts';
import { replayLine } from '../../../src/experiment/explore/report.ts';
import { normaliseSpec } from '../../../src/request/normalise.ts';
import type { RunInput } from '../../../src/request/run-input.ts';

function line(input: RunInput, prepare: string | null = null, timeoutMs: number | null = null) {
  return replayLine('0/17:mmap+', { input, prepare }, timeoutMs);
}

test('repeats the options, quoted', (t) => {
  t.is(line({ command: ['sleep', '0.1'], output: 'null' }), 'kmem-run --fail 0/17:mmap+ -- sleep 0.1');
  const input: RunInput = {
    command: ['sh', '-c', "echo it's"],
    ...{ mem: '64M', timeout: '3s', then: ['a b', 'c'], expect: ['exit==0'], aslr: true, user: 'nobody' },
    ...{ cwd: '/', env: { LANG: 'C x' }, allowIoUring: false },
  };
  t.is(
    line(input, null, 5000),
    `kmem-run --fail 0/17:mmap+ --mem 64M --timeout 3s --user nobody --then 'a b' --then c --expect exit==0 --aslr --cwd / --env 'LANG=C x' -- sh -c 'echo it'\\''s'`,
  );
});

test('names the kernel, and what was asked of its microVM', (t) => {
  const vm = { kernel: '5.10', vmMemory: '512M', vmCpus: 2, rw: ['/srv/a b'], freshVm: true };
  t.is(
    line({ command: ['x'], ...vm }),
    "kmem-run --fail 0/17:mmap+ --kernel 5.10 --vm-memory 512M --vm-cpus 2 --rw '/srv/a b' --fresh-vm -- x",
  );
});

test('adds a time limit for a hang, a folder and a port if used, and the preparation', (t) => {
  t.is(line({ command: ['x'] }, null, 5000), 'kmem-run --fail 0/17:mmap+ --timeout 5s -- x');
  t.is(
    line({ command: ['sh', '-c', 'x $KMEM_RUN_PORT'], clearEnv: true }),
    `KMEM_RUN_PORT=20000 kmem-run --fail 0/17:mmap+ --clear-env --env KMEM_RUN_PORT -- sh -c 'x $KMEM_RUN_PORT'`,
  );
  t.is(
    line({ command: ['x'] }, 'touch $KMEM_RUN_DIR/a'),
    `export KMEM_RUN_DIR=$(mktemp -d); sh -c 'touch $KMEM_RUN_DIR/a' && kmem-run --fail 0/17:mmap+ -- x`,
  );
  t.is(line({ command: ['x'] }, 'true'), 'sh -c true && kmem-run --fail 0/17:mmap+ -- x');
});

test('a server and its clients are kept in order', (t) => {
  const input: RunInput = {
    command: ['node', 'server.js', '${port}'],
    ...{ ready: 'http://127.0.0.1:${port}/', readyTimeout: 3000, stop: 'INT', background: true },
    then: [{ client: 'curl :${port}' }, 'ls "$KMEM_RUN_DIR"', { client: 'last' }],
  };
  t.is(
    line(input),
    `KMEM_RUN_DIR=$(mktemp -d) kmem-run --fail 0/17:mmap+ --ready 'http://127.0.0.1:\${port}/' --ready-timeout 3000ms --stop INT --client 'curl :\${port}' --then 'ls "$KMEM_RUN_DIR"' --client last --background -- node server.js '\${port}'`,
  );
});

test('numeric durations are printed in milliseconds, textual ones as written', (t) => {
  const durations = { timeout: 1500, grace: 20, hold: '2s', quietFor: 300, quietLimit: '1m' };
  t.is(
    line({ command: ['x'], ...durations }),
    'kmem-run --fail 0/17:mmap+ --timeout 1500ms --grace 20ms --hold 2s --quiet-for 300ms --quiet-limit 1m -- x',
  );
  // Parsed back from the command line, they are unchanged.
  const { input } = parseRunArgv(
    line({ command: ['x'], ...durations })
      .split(' ')
      .slice(1),
  );
  t.like(normaliseSpec(input), { timeoutMs: 1500, graceMs: 20, holdMs: 2000, quietForMs: 300, quietLimitMs: 60_000 });
});
