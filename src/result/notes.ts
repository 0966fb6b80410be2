import type { GateInjection } from '../gate/protocol.ts';
import { parseAddress } from '../request/address.ts';
import { asksFor } from '../request/run-spec.ts';
import { formatSize } from '../request/size.ts';
import { counted } from '../text/figures.ts';
import type { Environment } from './environment.ts';
import type { Facts } from './facts.ts';
import { isUnaccounted } from './facts.ts';
import type { Injection, Result } from './schema.ts';

/** One of them applies to every run under the gate. */
export const GATE_NOTES = {
  calls:
    'the gate denies whole system calls: memory that page faults take, or that an admitted call takes beyond its need, is measured but not limited',
  faults:
    'the gate denies whole system calls, and a signal ends page faults over the limit: memory that an admitted call takes beyond its need is measured but not limited',
} as const;

/** Prefix of the note with the last lines of a microVM that died. */
export const LAST_OUTPUT = 'last output of the microVM: ';

/** Prefix of the note about what no BPF program watches. */
export const UNWATCHED = 'not watched by BPF programs';
export const BY_MODULE =
  'this kernel enforces no limit on kernel memory itself: the module kmem_native did (--enforce native)';

type Programs = Result['enforcement']['programs'];

/** Page faults over the limit are ended. */
export function endsFaults(programs: Programs): boolean {
  return programs !== null && (programs.faults === 'sigbus' || programs.faults === 'kill');
}

/** What the limit did not stop. */
function kernelNotes(summary: Facts['summary']): string[] {
  const { mustNotFail = 0, atomic = 0, remote = 0, callsHandled = 0 } = summary ?? {};
  const beyond = mustNotFail + atomic + remote;
  return [
    ...(beyond === 0
      ? []
      : [
          `${counted(beyond, 'allocation')} over the limit had to be made: ${mustNotFail} may not fail, ${atomic} came from interrupts or the kernel's threads, ${remote} are charged elsewhere`,
        ]),
    ...(callsHandled === 0
      ? []
      : [
          `${counted(callsHandled, 'call')} succeeded although an allocation in it was refused: the kernel had another way`,
        ]),
  ];
}

type Usage = Pick<Result['kmem'], 'overshoot' | 'parts'>;

export function notesOf(facts: Facts, programs: Programs, kmem: Usage): string[] {
  const notes: string[] = [];
  const { mode, summary } = facts;
  if (mode === 'gate') notes.push(endsFaults(programs) ? GATE_NOTES.faults : GATE_NOTES.calls);
  if (mode === 'kernel') notes.push(...kernelNotes(summary));
  if (facts.byModule) notes.push(BY_MODULE);
  if (mode === 'none' && asksFor(facts.spec, 'kmem'))
    notes.push('the kmem limit was not enforced, as requested (--enforce none)');
  if (facts.noNewPrivs)
    notes.push('without CAP_SYS_ADMIN the gate needs no_new_privs: setuid programs lost their privilege');
  if (isUnaccounted(facts))
    notes.push('kernel memory is not accounted here (cgroup.memory=nokmem?): there are no kmem figures');
  if (summary?.lag != null && summary.maxUsage === null)
    notes.push('before Linux 5.13, cgroup v2 reports kernel memory too coarsely: there are no kmem figures');
  else if (summary?.lag != null && summary.lag > 0)
    notes.push(`memory.stat of this kernel may lag by up to ${formatSize(summary.lag)} for 2 s`);
  if (summary && summary.refusals > 0)
    notes.push(
      `io_uring_setup was refused ${counted(summary.refusals, 'time')} (EPERM): its operations would bypass the gate`,
    );
  if (summary && summary.eventsDropped > 0)
    notes.push(
      `the gate dropped ${counted(summary.eventsDropped, 'message')} because they came too fast; counts are complete`,
    );
  if (mode !== 'native' && summary && summary.interrupted > 0)
    notes.push(
      `signals interrupted ${counted(summary.interrupted, 'call')} before the gate received them: such a call fails with EINTR, unless the signal's handler restarts calls (SA_RESTART) or the caller ended`,
    );
  notes.push(...softLimitNotes(facts), ...facts.notices);
  if (programs?.faults === 'note' && (programs.faultPages ?? 0) > 0)
    notes.push(
      `page faults took ${counted(programs.faultPages ?? 0, 'page')} (${formatSize(programs.faultBytes ?? 0)}) while the group was above the kmem limit; --on-fault sigbus ends them`,
    );
  if (programs !== null && programs.lost > 0)
    notes.push(`BPF programs lost ${counted(programs.lost, 'event')}: that many page faults or moves are not named`);
  if (facts.overrunMs > 0)
    notes.push(
      `usage stayed above the kmem limit for ${Math.round(facts.overrunMs)} ms while no call was denied: ${causeOf(kmem, programs)}`,
    );
  if (summary && summary.traceLost > 0)
    notes.push(`${counted(summary.traceLost, 'line')} of --trace-gate could not be written`);
  if (facts.spec.allowIoUring && mode === 'gate')
    notes.push('io_uring was allowed, as requested: its operations are not gated');
  if (facts.escaped > 0)
    notes.push(
      `kmem-run killed ${counted(facts.escaped, 'process', 'processes')} that had left the group; their allocations outside were not counted`,
    );
  return notes;
}

const BY_CALLS = 'calls that are not gated, or what calls took beyond their need';

/** Only what was counted is named as the cause of an overrun. */
export function causeOf({ overshoot, parts }: Usage, programs: Programs): string {
  const faultBytes = programs?.faults == null ? null : programs.faultBytes;
  if (faultBytes === null) {
    const tables = parts?.pagetables;
    const known = tables === undefined ? '' : `; page tables were ${formatSize(tables)} at the peak`;
    return `the cause is unknown because page faults were not watched${known}`;
  }
  if (faultBytes === 0) return `not by page faults, but by ${BY_CALLS}`;
  const rest = (overshoot ?? 0) - faultBytes;
  const others = rest > 0 ? `, the other ${formatSize(rest)} by ${BY_CALLS}` : '';
  return `page faults took ${formatSize(faultBytes)} above the limit${others}`;
}

/** `told`: in the order of `asked`; null if the gate did not get to report. */
export function injectionsOf(asked: readonly string[], events: readonly GateInjection[]): Result['injections'] {
  if (events.length !== asked.length) return null;
  return events.map((event, index) => injectionOf(asked[index] ?? '', event));
}

function injectionOf(address: string, { reached, denials, seen }: GateInjection): Injection {
  const mode = parseAddress(address).persistent ? 'persistent' : 'once';
  if (reached === 1) return { address, mode, outcome: 'injected', denials, seen: null };
  return { address, mode, outcome: seen === null ? 'not-reached' : 'diverged', denials, seen };
}

/** The kernel slows the sender down, and still charges what has been promised to it. */
function softLimitNotes({ reading, limits, steps }: Facts): string[] {
  const peak = reading?.kmemTcp?.maxUsage ?? null;
  const inForce = [limits?.kmemTcp ?? null, ...steps.flatMap(({ limits: left }) => (left ? [left.kmemTcp] : []))];
  const known = inForce.filter((limit) => limit !== null);
  if (peak === null || known.length < inForce.length || peak <= Math.max(...known)) return [];
  const over = formatSize(Math.max(...known));
  return [`TCP buffers peaked at ${formatSize(peak)}, above --kmem-tcp ${over}: that limit is soft in the kernel`];
}

export type Conditions = Readonly<{
  limits: Pick<Result['limits'], 'mem' | 'memsw'>;
  environment: Pick<Environment, 'swapTotal' | 'aslr'>;
  /** `readThrottleCount()` before and after the run; null if it is unknown. */
  throttled: Readonly<{ before: number | null; after: number | null }>;
}>;

export function measurementWarnings(conditions: Conditions): string[] {
  return [swapWarning, aslrWarning, throttleWarning].map((warn) => warn(conditions)).filter((text) => text !== null);
}

function swapWarning({ limits: { mem, memsw }, environment: { swapTotal } }: Conditions) {
  // With memsw = mem nothing of the group can be swapped out.
  if (mem === null || memsw === mem || swapTotal === null || swapTotal === 0) return null;
  return 'swap is on: memory above --mem may be swapped out instead of refused; set --memsw to the same size';
}

function aslrWarning({ environment: { aslr } }: Conditions) {
  if (!aslr) return null;
  return 'address-space randomisation is on: page tables, and so kmem.maxUsage, differ from run to run; leave out --aslr to compare runs';
}

function throttleWarning({ throttled: { before, after } }: Conditions) {
  if (before === null || after === null || after <= before) return null;
  return `the processor throttled itself ${counted(after - before, 'time')} during the run: durations cannot be compared; let it cool down`;
}
