import { refusedCalls } from '../gate/kinds.ts';
import type { Failure, Result } from './schema.ts';

/** The kernel release that ran the command. */
export function kernelOf({ enforcement, environment }: Result): string {
  return enforcement.vm?.kernel ?? environment.kernel;
}

type Failures = Pick<Result, 'outcome' | 'failures' | 'failureCounts'>;

/** A call that the gate refuses at any usage is not a denial: `failcnt` does not count it. */
export function isRefusal({ syscall, errno }: Pick<Failure, 'syscall' | 'errno'>): boolean {
  return errno === 'EPERM' && refusedCalls.includes(syscall ?? '');
}

/**
 * The failures to show, without calls that succeeded all the same. A run that passed did not need the refused call, like
 * every Node.js program.
 */
export function shownFailures({ outcome, failures, failureCounts }: Failures): Omit<Failures, 'outcome'> {
  const failed = failures.filter(({ handled }) => handled !== true);
  if (outcome !== 'passed') return { failures: failed, failureCounts };
  const isShown = (call: Pick<Failure, 'syscall' | 'errno'>): boolean => !isRefusal(call);
  return { failures: failed.filter(isShown), failureCounts: failureCounts.filter(isShown) };
}

/** The first denial; a refusal only if nothing else explains why a run did not pass. */
export function firstFailure(result: Failures): Failure | null {
  const { failures } = shownFailures(result);
  return failures.find((failure) => !isRefusal(failure)) ?? failures[0] ?? null;
}

export function firstFailing(result: Failures): string | null {
  const first = firstFailure(result);
  if (first === null) return null;
  const { comm, syscall, detail } = first;
  const about = detail === null || syscall === null ? '' : ` ${detail.slice(0, DETAIL_LENGTH)}`;
  return `${comm ?? '(name not read)'}: ${callOf(first)}${about}`;
}

/** The system call, or that it was a page fault outside one. */
export function callOf({ syscall }: Pick<Failure, 'syscall'>): string {
  return syscall ?? 'page fault';
}

/** The errno, or the signal that ended a page fault. */
export function errorOf({ errno, fault, handled }: Pick<Failure, 'errno' | 'fault' | 'handled'>): string {
  if (handled === true) return 'succeeded';
  return errno ?? fault?.signal ?? 'no errno';
}

export const DETAIL_LENGTH = 200;
