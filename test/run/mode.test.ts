import test, { type ExecutionContext } from 'ava';
import { nestedGroups } from '../../src/cgroup/nested.ts';
import { normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import { chooseMode } from '../../src/run/mode.ts';
import { makeSandbox } from '../cgroup/sandbox.ts';

async function chosen(t: ExecutionContext, input: Omit<RunInput, 'command'>, inGuest: boolean): Promise<string> {
  const { hierarchies, memory, unified, joins } = makeSandbox(t);
  const mode = await chooseMode(normaliseSpec({ ...input, command: ['true'] }), hierarchies, inGuest);
  const made = [memory, unified].flatMap(nestedGroups).filter((directory) => !joins.includes(directory));
  t.deepEqual(made, [], 'the throwaway group is gone');
  return mode;
}

test.serial('the requested mode is used', async (t) => {
  t.is(await chosen(t, { kmem: '1M', enforce: 'gate' }, true), 'gate');
  t.is(await chosen(t, { kmem: '1M', enforce: 'none' }, true), 'none');
  t.is(await chosen(t, { kmem: null, enforce: 'auto' }, true), 'none');
});

test.serial('on the host the gate enforces, whatever the kernel supports', async (t) => {
  t.is(await chosen(t, { kmem: '1M', enforce: 'auto' }, false), 'gate');
});

// This kernel's limit is not enforced; on one whose limit is, test/vm/native.test.ts checks the other answer.
test.serial('in a guest the gate enforces if the kernel’s own limit does not hold', async (t) => {
  t.is(await chosen(t, { kmem: '1M', enforce: 'auto' }, true), 'gate');
});
