/** Checks that the gate can be installed, lets a program pass and denies. */

import { readSurroundings } from '../cgroup/surroundings.ts';
import { errnoName } from '../gate/protocol.ts';
import { pageSize } from '../host/page-size.ts';
import { headline } from '../result/headline.ts';
import { setupErrorOf } from '../run/setup-errors.ts';
import { counted, shortSize } from '../text/figures.ts';
import { type Check, type CheckFinding, missing, note, ok, refused } from './check.ts';
import { counter, start } from './group.ts';
import { helper } from './machine.ts';
import { OUTSIDE } from './remedies.ts';

const NEWER = 'boot Linux 5.9 or newer';
const PLENTY = 64 * 1024 * 1024;

/** Why seccomp(2) returns no listener, and the remedy. */
const causes: Readonly<Record<string, readonly [found: string, remedy: string]>> = {
  EPERM: ['a sandbox forbids seccomp(2) (EPERM)', OUTSIDE],
  EACCES: [
    'a filter needs CAP_SYS_ADMIN or no_new_privs, and neither is available (EACCES)',
    `run as root; or ${OUTSIDE}`,
  ],
  ENOSYS: [
    'there is no seccomp(2): the kernel was built without filters (CONFIG_SECCOMP_FILTER), or a sandbox hides it (ENOSYS)',
    `boot a kernel with seccomp filters; or ${OUTSIDE}`,
  ],
  EINVAL: ['this kernel does not support seccomp listeners (EINVAL), which came with Linux 5.0', NEWER],
};

export const listener: Check = {
  name: 'listener',
  needs: [helper],
  remedy: NEWER,
  probe: async (bench) => {
    const probe = await bench.listener();
    if (probe.listener) return ok('a seccomp listener answers the calls of a throwaway child');
    if (probe.errno !== 0) return missingListener(probe.errno);
    return missing('a seccomp listener can be installed, but the calls of a throwaway child do not reach it');
  },
};

function missingListener(errno: number): CheckFinding {
  const [found, remedy] = causes[errnoName(errno)] ?? [];
  if (found !== undefined) return missing(found, remedy);
  // EBUSY (an ancestor's listener) is reported as a run reports it.
  return refused('missing', setupErrorOf({ event: 'setup-error', stage: 'listener', errno, subject: null }, ''));
}

export const wakeUp: Check = {
  name: 'wake-up',
  needs: [listener],
  remedy: 'boot Linux 6.6 or newer',
  probe: async (bench) => {
    const { syncWakeUp } = await bench.listener();
    if (syncWakeUp) return ok('a gated call switches straight to the gate (SYNC_WAKE_UP)');
    return note('a gated call waits for the scheduler and is slower: no SYNC_WAKE_UP before Linux 6.6');
  },
};

export const privileges: Check = {
  name: 'privileges',
  needs: [listener],
  remedy: 'run as root',
  probe: async (bench) => {
    const { noNewPrivs } = await bench.listener();
    if (readSurroundings().noNewPrivs)
      return note('setuid programs have no privilege here, gated or not: no_new_privs is already set');
    if (!noNewPrivs) return ok('setuid programs keep their privilege in a gated run');
    return note(
      'setuid programs lose their privilege in a gated run: without CAP_SYS_ADMIN the gate needs no_new_privs',
    );
  },
};

export const gate: Check = {
  name: 'gate',
  needs: [start, counter, listener],
  remedy: 'please report this, with the output of kmem-run doctor --json',
  probe: async (bench) => {
    const aslr = (await bench.trial()).randomised !== null;
    const wide = await bench.run({ kmem: PLENTY, enforce: 'gate', aslr });
    if (wide.outcome !== 'passed')
      return missing(`a program that does nothing does not pass under ${shortSize(PLENTY)}: ${headline(wide)}`);
    // Less than any program needs.
    const narrow = await bench.run({ kmem: pageSize(), enforce: 'gate', aslr });
    const denials = narrow.kmem.failcnt ?? 0;
    if (denials === 0) return missing(`under ${shortSize(pageSize())} nothing was denied: ${headline(narrow)}`);
    return ok(`a program passes under ${shortSize(PLENTY)}, and is denied ${counted(denials, 'call')} under one page`);
  },
};
