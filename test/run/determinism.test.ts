/** The same program gives the same number, to the byte, and the number is the kernel's. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';

const test = anyTest.serial;

const RUNS = 20;
/** Bytes of kmem of one TCP socket on 6.18, docs/gate.md. */
const TCP_SOCKET = 3629;
/** A neighbour on the machine may disturb a series: that is told from a spread by doing it again. */
const SERIES = 8;

const objects = compileFixture('objects');
const fixtures: Record<string, readonly string[]> = {
  true: ['/bin/true'],
  '3,000 opens': [objects, 'opens', '3000'],
  '20 forks': [objects, 'forks', '20'],
  '60 sockets': [objects, 'sockets', '60'],
};

for (const [name, command] of Object.entries(fixtures)) {
  test(`${RUNS} of ${RUNS} runs of ${name} have one max_usage`, async (t) => {
    const harness = makeHarness(t);
    const measure = async () =>
      (await harness.run(['--kmem', '64M', '--cpus', '0', '--sample', 'off', '--quiet', '--', ...command])).result?.kmem
        .maxUsage;
    const series = async () => {
      // The first toucher pays for dentries and inodes.
      await measure();
      const seen = new Set<number | null | undefined>();
      for (let run = 0; run < RUNS; run += 1) seen.add(await measure());
      return seen;
    };
    const spreads: unknown[] = [];
    for (let attempt = 0; attempt < SERIES; attempt += 1) {
      const seen = await series();
      spreads.push([...seen]);
      if (seen.size === 1) break;
    }
    t.log(spreads);
    const last = spreads.at(-1) as number[];
    t.is(last.length, 1, JSON.stringify(spreads));
    t.true((last[0] ?? 0) > 0);
    harness.assertNothingLeft();
  });
}

test('max_usage is what the file of the group says while it is held', async (t) => {
  const harness = makeHarness(t);
  const running = harness.start(['--kmem', '64M', '--hold', '3s', '--', objects, 'sockets', '60']);
  const file = await findFile(harness.sandbox.memory);
  // The command is over well before the hold is.
  await sleep(1500);
  const told = Number(readFileSync(file, 'utf8'));
  const { result } = await running.ended;
  t.is(result?.kmem.maxUsage, told);
  t.true(told > 60 * 3000);
});

test('twice the sockets cost twice their documented bytes', async (t) => {
  const harness = makeHarness(t);
  const peak = async (count: number) => {
    const { result } = await harness.run(['--kmem', '64M', '--cpus', '0', '--', objects, 'sockets', String(count)]);
    return result?.kmem.maxUsage ?? 0;
  };
  await peak(60);
  const [once, twice] = [await peak(60), await peak(120)];
  const each = (twice - once) / 60;
  t.true(Math.abs(each / TCP_SOCKET - 1) <= 0.05, `${each} bytes a socket`);
});

async function findFile(memory: string): Promise<string> {
  for (;;) {
    const found = execFileSync('find', [memory, '-path', '*/kmem-run.*', '-name', 'memory.kmem.max_usage_in_bytes'], {
      encoding: 'utf8',
    }).trim();
    if (found !== '') return found;
    await sleep(10);
  }
}
