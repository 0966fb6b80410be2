/** What happened, in one readable sentence. */

import { formatSize } from '../request/size.ts';
import { counted, formatDuration } from '../text/figures.ts';
import type { Tone } from '../text/layout.ts';
import { cut, visible } from '../text/visible.ts';
import { endsFaults } from './notes.ts';
import type { Failure, Result, Step } from './schema.ts';
import { isRefusal, shownFailures } from './summary.ts';

const COMMAND_LENGTH = 60;
const EXPR_LENGTH = 100;
const NAME_LENGTH = 20;
const SHOWN_NAMES = 3;

/** Every limit that was hit is named, not only that of kernel memory. */
export function headline(result: Result): string {
  return [whatHappened(result), ...interruptions(result), ...otherLimits(result)].join('; ');
}

/** A call that fails with EINTR may be why the command failed. */
function interruptions({ outcome, enforcement: { interrupted } }: Result): string[] {
  const failed = outcome === 'failed' || outcome === 'signaled' || outcome === 'expectation' || outcome === 'timeout';
  if (!failed || interrupted === null || interrupted === 0) return [];
  return [`signals interrupted ${counted(interrupted, 'call')} at the gate, which may have failed with EINTR`];
}

function escaped(escapes: NonNullable<Result['escapes']>): string {
  const [first] = escapes;
  const count = new Set(escapes.map(({ pid }) => pid)).size;
  return count === 1
    ? `${visible(cut(first?.comm ?? '', NAME_LENGTH))} left the group`
    : `${counted(count, 'process', 'processes')} left the group`;
}

function otherLimits({ outcome, mem, pids, kmemTcp, escapes }: Result): string[] {
  const killed = outcome === 'oom' ? 0 : (mem.oomKills ?? 0);
  const forks = pids?.failcnt ?? 0;
  const buffers = kmemTcp?.failcnt ?? 0;
  return [
    ...(killed > 0 ? [`the OOM killer killed ${counted(killed, 'process', 'processes')} of the group`] : []),
    ...(forks > 0 ? [`--pids refused ${counted(forks, 'fork or thread', 'forks or threads')}`] : []),
    ...(escapes !== null && escapes.length > 0 ? [escaped(escapes)] : []),
    ...(buffers > 0 ? [`TCP buffers reached --kmem-tcp ${counted(buffers, 'time')}`] : []),
  ];
}

function whatHappened(result: Result): string {
  switch (result.outcome) {
    case 'setup-error':
      return setupError(result);
    case 'interrupted':
      return `interrupted${after(result)}${inStep(result)}${denialsSoFar(result)}`;
    case 'timeout':
      return timeout(result);
    case 'oom':
      return outOfMemory(result);
    case 'expectation':
      return expectation(result);
    case 'signaled':
      return ended(result, (step) => step.exit.signal !== null && !step.stopped);
    case 'failed':
      return ended(result, (step) => step.error !== null || (step.exit.code !== 0 && !step.stopped));
    case 'passed':
      return passed(result);
  }
}

export function toneOf({ outcome }: Pick<Result, 'outcome'>): Tone {
  if (outcome === 'passed') return 'good';
  return outcome === 'interrupted' ? 'warn' : 'bad';
}

function setupError({ error, terminationReason, durations, enforcement }: Result): string {
  const helper = enforcement.mode === 'gate' ? 'the gate' : 'the helper';
  if (error !== null) return `could not be run: ${visible(error.message)}`;
  if (terminationReason === 'gate-lost') return `the result is void: ${helper} died${after({ durations })}`;
  if (terminationReason === 'vm-lost') return `the result is void: the microVM died${after({ durations })}`;
  return 'could not be run: nothing ran, and no reason was given';
}

function timeout(result: Result): string {
  if (result.terminationReason === 'livelock') {
    return `ended${after(result)}: livelocked at the limit${inStep(result)}${denialsSoFar(result)}`;
  }
  const { timeoutMs } = result.spec;
  const limit = timeoutMs === null ? after(result) : ` after ${formatDuration(timeoutMs)}`;
  return `timed out${limit}${inStep(result)}${denialsSoFar(result)}`;
}

function outOfMemory(result: Result): string {
  if (result.terminationReason === 'overrun') {
    return `ended${after(result)}: kernel memory kept rising above its limit (${peak(result)})`;
  }
  const { limits, mem, expectations, steps } = result;
  const { oomKillAtMs } = mem;
  const step = steps.findLastIndex(({ atMs }) => oomKillAtMs !== null && atMs !== null && atMs <= oomKillAtMs);
  const when = oomKillAtMs === null ? '' : ` after ${formatDuration(oomKillAtMs)}`;
  const { mem: limit } = steps[step]?.limits ?? limits;
  const at = limit === null ? '' : ` at the memory limit of ${formatSize(limit)}`;
  const asExpected =
    expectations.length > 0 && expectations.every(({ passed }) => passed) ? '; every expectation holds' : '';
  return `the OOM killer killed ${counted(mem.oomKills ?? 0, 'process', 'processes')}${at}${when}${nameStep(result, step)}${asExpected}`;
}

function expectation({ expectations }: Result): string {
  const failed = expectations.filter(({ passed }) => !passed);
  const first = failed[0];
  const which =
    first === undefined
      ? ''
      : `: ${cut(first.expr, EXPR_LENGTH)} (it is ${first.actual === null ? 'not known' : cut(String(first.actual), COMMAND_LENGTH)})`;
  const more = failed.length > 1 ? `, and ${failed.length - 1} more` : '';
  return `${failed.length} of ${counted(expectations.length, 'expectation')} ${failed.length === 1 ? 'does' : 'do'} not hold${which}${more}`;
}

function ended(result: Result, isIt: (step: Step) => boolean): string {
  const step = result.steps.find(isIt);
  if (step === undefined) return 'failed';
  const { code, signal } = step.exit;
  const isProgram = step.kind === 'command' || step.kind === 'outside';
  if (isProgram && step.error !== null)
    return `${cut(step.command, COMMAND_LENGTH)}: ${visible(step.error)}${denialsSoFar(result)}`;
  const how =
    signal !== null
      ? ` was killed by ${visible(signal)}`
      : code === null
        ? ': its end was not observed'
        : ` failed with exit status ${code}`;
  return `${cut(step.command, COMMAND_LENGTH)}${how}${circumstances(step, result)}`;
}

/** Whether the limit may explain how a step ended: the question that this tool answers. */
function circumstances(step: Step, result: Result): string {
  if (step.failcnt !== null && step.failcnt > 0) return ` after ${refused(result, step.failcnt, whomIn(result, step))}`;
  const took = step.wallMs === null ? '' : ` after ${formatDuration(step.wallMs)}`;
  const { failcnt } = result.kmem;
  if (failcnt !== null && failcnt > 0)
    return `${took}; ${refused(result, failcnt)}${result.steps.length > 1 ? ' in all' : ''}`;
  const limited = ofLimit(result, 'kmem', String) !== '' && failcnt === 0;
  // Then calls may have failed after all: the headline says so.
  const { interrupted } = result.enforcement;
  return limited && (interrupted === null || interrupted === 0) ? `${took}, though no allocation was denied` : took;
}

function passed(result: Result): string {
  const { kmem, expectations } = result;
  const denials = kmem.failcnt ?? 0;
  if (expectations.some(({ implicit }) => !implicit)) {
    const all = expectations.length === 1 ? 'the expectation holds' : `all ${expectations.length} expectations hold`;
    return `passed: ${all}; ${peak(result)}${denialsSoFar(result)}`;
  }
  const although = [
    ...(denials > 0 ? [refused(result, denials, whomIn(result, null))] : []),
    ...deaths(result, denials > 0),
  ];
  return although.length > 0
    ? `passed, although ${although.join(', and ')}: ${peak(result)}`
    : `passed: ${peak(result)}`;
}

/** Daemons that died: from a signal, or, under denials, with any status but 0. */
function deaths({ orphans }: Result, isDenied: boolean): string[] {
  // A result saved before orphans were recorded lacks the key.
  const dead = (orphans ?? []).filter(({ exit }) => isDenied || exit.signal !== null);
  const [first] = dead;
  if (first === undefined) return [];
  const more = dead.length > 1 ? ` (and ${counted(dead.length - 1, 'other process', 'other processes')} died)` : '';
  return [`${diedText(first)}${more}`];
}

/** `apache2 (214) exited with 1`, `apache2 (214) died of SIGSEGV`. */
export function diedText({ comm, pid, exit }: Result['orphans'][number]): string {
  const who = `${comm === null ? 'a process' : cut(comm, NAME_LENGTH)} (${pid})`;
  return exit.signal === null ? `${who} exited with ${exit.code}` : `${who} died of ${visible(exit.signal)}`;
}

/**
 * Who was denied: `it ` for the program itself, otherwise the names of the processes. `step`: only this step; null: all
 * steps.
 */
function whomIn(result: Result, step: Step | null): string {
  const { failureCounts, steps } = result;
  const { failures } = shownFailures(result);
  const own = step === null ? failureCounts : failures.filter((failure) => failure.step === steps.indexOf(step));
  const names = [...new Set(own.flatMap((failure) => (isRefusal(failure) ? [] : (failure.comm ?? []))))];
  const program = (step ?? steps[0])?.command.split(' ')[0]?.split('/').at(-1);
  if (names.length === 0 || (names.length === 1 && names[0] === program)) return 'it ';
  const shown = names.slice(0, SHOWN_NAMES).map((name) => cut(name, NAME_LENGTH));
  const rest = names.length - shown.length;
  return `${listed([...shown, ...(rest === 0 ? [] : [counted(rest, 'other')])])} `;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function peak(result: Result): string {
  const { maxUsage } = result.kmem;
  if (maxUsage === null) return 'the peak of kernel memory could not be read';
  return `kernel memory peaked at ${formatSize(maxUsage)}${ofLimit(result, 'kmem', formatSize)}`;
}

function denialsSoFar(result: Result): string {
  const { failcnt } = result.kmem;
  return failcnt === null || failcnt === 0 ? '' : `; ${refused(result, failcnt)}`;
}

// The kernel's failcnt counts charges and retries, not allocations that a program saw fail.
function refused({ enforcement: { mode, programs } }: Result, times: number, whom = ''): string {
  // A page fault is not a gated call.
  if (mode === 'gate')
    return `${endsFaults(programs) ? 'kmem-run' : 'the gate'} denied ${whom}${counted(times, 'allocation')}`;
  return `the kernel refused ${whom}kernel memory ${times === 1 ? 'once' : counted(times, 'time')}`;
}

function after({ durations: { wallMs } }: Pick<Result, 'durations'>): string {
  return wallMs === null ? '' : ` after ${formatDuration(wallMs)}`;
}

function inStep(result: Result): string {
  return nameStep(result, result.steps.length - 1);
}

/** If there are several. */
function nameStep({ steps }: Result, index: number): string {
  const step = steps[index];
  return step === undefined || steps.length === 1 ? '' : ` in step ${index} (${cut(step.command, COMMAND_LENGTH)})`;
}

/** ` of 4 MiB, then 1 MiB` if steps changed it; empty: there was no limit. */
export function ofLimit(
  { limits, steps }: Pick<Result, 'limits' | 'steps'>,
  key: 'kmem' | 'mem' | 'memsw' | 'kmemTcp' | 'pids',
  say: (amount: number) => string,
): string {
  // A result saved before steps recorded limits has none of them.
  const later = steps.flatMap(({ kind, limits: left }) => (kind === 'limits' && left ? [left[key]] : []));
  const inForce = [limits[key], ...later].filter((limit, index, all) => index === 0 || limit !== all[index - 1]);
  if (inForce.every((limit) => limit === null)) return '';
  return ` of ${inForce.map((limit) => (limit === null ? 'no limit' : say(limit))).join(', then ')}`;
}

/** Why the limit left no room for the call; null if that was not the reason. */
export function reasonOf({ denial }: Pick<Failure, 'denial'>): string | null {
  if (denial == null) return null;
  const { need, reserve, room, table } = denial;
  const what = table ? 'its larger table of descriptors needs' : 'needs';
  return `${what} ${formatSize(need)}, ${formatSize(reserve)} are reserved, ${formatSize(room)} were left`;
}
