export type NativeProgram = Readonly<{
  name: string;
  /** Relative to the package's folder. */
  folder: string;
  /** In messages. */
  called: string;
  /** A file that takes the place of the folder's main.c. */
  main?: string;
  linkages: readonly string[];
}>;

export const helper: NativeProgram;
export const agent: NativeProgram;
export const exhaust: NativeProgram;

export function nativeId(program: NativeProgram, root: string): string;

export class CompileError extends Error {
  readonly code: 'no-compiler' | 'compile-failed';
  readonly hint: string;
}

export function compileNative(
  program: NativeProgram,
  root: string,
  target: string,
  options: { warningsAreErrors: boolean },
): 'static-pie' | 'static' | 'pie';
