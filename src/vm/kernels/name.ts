import { SetupError } from '../../errors.ts';
import { quote } from '../../spec/quote.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** A kernel's name as it was given: it becomes a folder's. Throws SetupError `bad-kernel-name`. */
export function kernelName(text: string): string {
  if (NAME.test(text)) return text;
  throw new SetupError(
    'bad-kernel-name',
    `${quote(text)} is no name for a kernel`,
    'give up to 64 letters, digits and . _ + -, the first a letter or a digit, such as 5.10',
  );
}

export function isKernelName(text: string): boolean {
  return NAME.test(text);
}

/** Whether `version` is `name` or a more exact version of it: 5.10.262 is of 5.10 and of 5.10.262, not of 5.1. */
export function isVersionOf(version: string, name: string): boolean {
  return version === name || (version.startsWith(name) && !/^[0-9]/.test(version.slice(name.length)));
}
