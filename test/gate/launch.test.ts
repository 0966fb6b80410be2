/** A joiner whose supervisor dies during the hand-over: it holds the listener that would have to answer its own exit. */

import anyTest from 'ava';
import { stateOf, until } from '../cgroup/sandbox.ts';
import { readOrEmpty } from '../processes.ts';
import { childNamed, childrenNamed, supervise } from './supervise.ts';

const test = anyTest.serial;

const FILTERED = /^Seccomp:\t2$/m;
const GONE: readonly (string | null)[] = [null, 'Z'];

for (const guardianDies of [true, false]) {
  test(`a joiner ends when its supervisor is killed before it has the listener${guardianDies ? ', with the guardian' : ''}`, async (t) => {
    const { pid, step } = await supervise(t);
    const guardian = await childNamed(pid, 'kmem-guardian');
    // The supervisor waits for the guardian's answer before it tells the joiner to close its listener.
    process.kill(guardian, 'SIGSTOP');
    t.teardown(() => kill(guardian));
    step(['/bin/true']);
    const filtered = (): number[] =>
      childrenNamed(pid, 'kmem-helper').filter((child) => FILTERED.test(readOrEmpty(`/proc/${child}/status`)));
    await until(() => filtered().length === 1);
    const [joiner = 0] = filtered();
    t.teardown(() => kill(joiner));
    kill(pid);
    if (guardianDies) kill(guardian);
    else process.kill(guardian, 'SIGCONT');
    await until(() => GONE.includes(stateOf(joiner)));
    await until(() => GONE.includes(stateOf(guardian)));
    t.pass();
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
