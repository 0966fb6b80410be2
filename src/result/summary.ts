import type { Result } from './schema.ts';

/** The release under which the command ran. */
export function kernelOf({ enforcement, environment }: Result): string {
  return enforcement.vm?.kernel ?? environment.kernel;
}

export function firstFailing({ failures }: Result): string | null {
  const [first] = failures;
  if (first === undefined) return null;
  const detail = first.detail === null ? '' : ` ${first.detail.slice(0, DETAIL_LENGTH)}`;
  return `${first.comm ?? '(name not read)'}: ${first.syscall}${detail}`;
}

export const DETAIL_LENGTH = 200;
