export type NativeProgram = Readonly<{
  name: string;
  /** Relative to the package's folder. */
  source: string;
  /** In messages. */
  called: string;
  linkages: readonly string[];
}>;

export const gate: NativeProgram;
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
