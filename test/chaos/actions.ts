/** Actions on a run: signals to parts of it, in an order drawn at random. */

import { constants } from 'node:os';
import type { Status } from './kinds.ts';

export const ROLES = [
  'runner',
  'helper',
  'guardian',
  'reclaimer',
  'joiner',
  'target',
  'targets',
  'qemu',
  'group',
] as const;
/** `target`: one of the command's processes; `group`: the runner's process group. */
export type Role = (typeof ROLES)[number];

/** `pause` waits for a random time. */
export type Sent = Readonly<{ signal: NodeJS.Signals; roles: readonly Role[] }> | 'pause';

export type Action = Readonly<{
  name: string;
  weight: number;
  signals: readonly Sent[];
  /** Exit statuses of kmem-run beyond those of an undisturbed run. */
  statuses: readonly Status[];
  /** False if the run may continue; SIGTERM then ends it after a pause. */
  ends: boolean;
  /** No part is left to end the command; the next start does so. */
  abandons?: boolean;
  /** Time before kmem-run gives up on a part that does not answer. */
  extraMs?: number;
}>;

const LOST = 125;
/** Time for a helper that ignores a request to exit. */
const HELPER_TIMEOUT_MS = 5000;

export function statusesOf(...signals: readonly NodeJS.Signals[]): readonly Status[] {
  return signals.flatMap((signal) => [signal, 128 + constants.signals[signal]]);
}

function to(signal: NodeJS.Signals, ...roles: readonly Role[]): Sent {
  return { signal, roles };
}

function kill(weight: number, statuses: readonly Status[], ...roles: readonly Role[]): Action {
  return { name: `kill-${roles.join('-')}`, weight, signals: [to('SIGKILL', ...roles)], statuses, ends: true };
}

function signalled(name: string, weight: number, ...names: readonly NodeJS.Signals[]): Action {
  const signals = names.flatMap((each, index) => [...(index === 0 ? [] : ['pause' as const]), to(each, 'runner')]);
  return { name, weight, signals, statuses: statusesOf(...names), ends: true };
}

/** Stopped for a moment; lateness is the only effect allowed. */
function stopped(weight: number, role: Role): Action {
  const signals = [to('SIGSTOP', role), 'pause', to('SIGCONT', role)] as const;
  return { name: `stop-${role}`, weight, signals, statuses: [], ends: false };
}

/** Statuses of a command after the death of one of its processes. */
const OF_A_COMMAND: readonly Status[] = [0, 1, 2, 137, 143];

export const actions: readonly Action[] = [
  kill(6, ['SIGKILL'], 'runner'),
  kill(5, [LOST], 'helper'),
  kill(4, [LOST], 'guardian'),
  { ...kill(5, ['SIGKILL', LOST], 'runner', 'helper', 'guardian'), abandons: true },
  { ...kill(4, OF_A_COMMAND, 'target'), ends: false },
  { ...kill(1, OF_A_COMMAND, 'targets'), ends: false },
  { ...kill(1, [LOST], 'joiner'), ends: false },
  { ...kill(1, [], 'reclaimer'), ends: false },
  kill(4, ['SIGKILL', LOST], 'runner', 'helper'),
  kill(3, [LOST], 'helper', 'guardian'),
  kill(3, ['SIGKILL', LOST], 'runner', 'guardian'),
  signalled('term', 4, 'SIGTERM'),
  signalled('int', 3, 'SIGINT'),
  signalled('hup', 2, 'SIGHUP'),
  signalled('quit', 1, 'SIGQUIT'),
  signalled('int-int', 3, 'SIGINT', 'SIGINT'),
  signalled('term-kill', 2, 'SIGTERM', 'SIGKILL'),
  { name: 'int-group', weight: 2, signals: [to('SIGINT', 'group')], statuses: statusesOf('SIGINT'), ends: true },
  { name: 'cont-all', weight: 1, signals: [to('SIGCONT', ...ROLES)], statuses: [], ends: false },
  stopped(2, 'runner'),
  stopped(2, 'helper'),
  stopped(2, 'guardian'),
  stopped(1, 'reclaimer'),
  stopped(1, 'joiner'),
  stopped(2, 'target'),
  {
    name: 'stop-helper-term-runner',
    weight: 2,
    signals: [to('SIGSTOP', 'helper'), to('SIGTERM', 'runner')],
    statuses: statusesOf('SIGTERM'),
    ends: true,
    extraMs: HELPER_TIMEOUT_MS,
  },
  {
    name: 'stop-guardian-kill-helper',
    weight: 2,
    signals: [to('SIGSTOP', 'guardian'), to('SIGKILL', 'helper')],
    statuses: [LOST],
    ends: true,
  },
  {
    name: 'stop-targets-kill-runner',
    weight: 2,
    signals: [to('SIGSTOP', 'targets'), to('SIGKILL', 'runner')],
    statuses: ['SIGKILL'],
    ends: true,
  },
];

/** The parts of a run in a microVM are behind QEMU; only QEMU and the runner can be reached. */
export const actionsInMicrovms: readonly Action[] = [
  // While it boots, another one is started.
  { ...kill(4, [LOST], 'qemu'), ends: false },
  stopped(2, 'qemu'),
  kill(3, ['SIGKILL', LOST], 'runner', 'qemu'),
  {
    name: 'stop-qemu-kill-runner',
    weight: 2,
    signals: [to('SIGSTOP', 'qemu'), to('SIGKILL', 'runner')],
    statuses: ['SIGKILL'],
    ends: true,
  },
  {
    name: 'stop-qemu-term-runner',
    weight: 2,
    signals: [to('SIGSTOP', 'qemu'), to('SIGTERM', 'runner')],
    statuses: [...statusesOf('SIGTERM'), LOST],
    ends: true,
    extraMs: HELPER_TIMEOUT_MS,
  },
  ...actions.filter(({ signals }) =>
    signals.every((sent) => sent === 'pause' || sent.roles.every((role) => role === 'runner' || role === 'group')),
  ),
];
