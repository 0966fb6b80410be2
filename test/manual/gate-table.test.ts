import { readFileSync } from 'node:fs';
import test from 'ava';
import { gatedCalls, watchedCalls } from '../../src/gate/syscalls.ts';
import { gateTable } from '../../src/manual/gate-table.ts';
import { withGenerated } from '../../src/text/markdown-table.ts';

const table = gateTable();
const rows = table
  .trim()
  .split('\n')
  .slice(2)
  .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')));

test('docs/reference/gate.md has the table of the policy (if not: node bin/make-docs.js)', (t) => {
  const page = readFileSync(new URL('../../docs/reference/gate.md', import.meta.url), 'utf8');
  t.is(withGenerated(page, 'calls', table), page);
});

test('every call of the policy is listed, in one row for each way it is treated', (t) => {
  const ways = new Map<string, Set<string>>();
  for (const call of [...gatedCalls, ...watchedCalls]) {
    const way = JSON.stringify([call.when?.values, 'size' in call ? call.size : '']);
    ways.set(call.name, (ways.get(call.name) ?? new Set()).add(way));
  }
  for (const [name, { size }] of ways) {
    t.is(rows.filter(([, calls]) => calls?.split(' ').includes(`\`${name}\``)).length, size, name);
  }
});

test('rows are complete, and those of a class are adjacent', (t) => {
  for (const row of rows) t.is(row.length, 6, row.join(' | '));
  const classes = rows.map(([kind]) => kind).filter((kind, index, all) => kind !== all[index - 1]);
  t.is(new Set(classes).size, classes.length);
});

function answerTo(name: string) {
  return rows.find(([, calls]) => calls?.split(' ').includes(`\`${name}\``))?.slice(2, 5);
}

test('answers, conditions and needs match the policy', (t) => {
  t.deepEqual(answerTo('pipe2'), ['`ENFILE`', '', '4,096 †']);
  t.deepEqual(answerTo('socket'), ['`ENFILE`; `ENOMEM` for TCP, before 6.1 `ENOBUFS`', '', '4,096 †']);
  t.deepEqual(answerTo('clone3'), ['`ENOMEM`', '', '64,512; 20,480 if it shares its address space']);
  t.deepEqual(answerTo('semget'), ['`ENOMEM`', '', '4,096 + argument 1 × 64, rounded up to a power of two']);
  t.deepEqual(answerTo('munmap'), ['`ENOMEM`', 'the call splits a mapping', '4,096']);
  t.deepEqual(answerTo('dup2'), ['`ENOMEM`', 'the descriptor table grows', 'the larger table']);
  t.regex(
    answerTo('madvise')?.join(' ') ?? '',
    /^`EAGAIN` `MADV_NORMAL`, .*`_KEEPONFORK`; the call splits a mapping 4,096$/,
  );
});

test('brk never returns an errno, and io_uring is refused', (t) => {
  t.is(answerTo('brk')?.[0], 'the old break');
  t.is(answerTo('io_uring_setup')?.[0], '`EPERM`, always; with `--allow-io-uring`: `ENOMEM`');
});

test('no condition is given as a number', (t) => {
  t.notRegex(table, /argument \d+ is/);
});
