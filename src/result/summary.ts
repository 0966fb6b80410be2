import type { Failure, Result } from './schema.ts';

/** The release under which the command ran. */
export function kernelOf({ enforcement, environment }: Result): string {
  return enforcement.vm?.kernel ?? environment.kernel;
}

export function firstFailing({ failures }: Result): string | null {
  const [first] = failures;
  if (first === undefined) return null;
  const { comm, syscall, detail } = first;
  const about = detail === null || syscall === null ? '' : ` ${detail.slice(0, DETAIL_LENGTH)}`;
  return `${comm ?? '(name not read)'}: ${callOf(first)}${about}`;
}

/** The system call, or that it was a page fault in none. */
export function callOf({ syscall }: Pick<Failure, 'syscall'>): string {
  return syscall ?? 'page fault';
}

/** The errno, or the signal that ended a page fault. */
export function errorOf({ errno, fault }: Pick<Failure, 'errno' | 'fault'>): string {
  return errno ?? fault?.signal ?? 'no errno';
}

export const DETAIL_LENGTH = 200;
