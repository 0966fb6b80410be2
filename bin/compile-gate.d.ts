export function gateId(source: string): string;

export class CompileError extends Error {
  readonly code: 'no-compiler' | 'compile-failed';
  readonly hint: string;
}

export function compileGate(
  source: string,
  target: string,
  options: { warningsAreErrors: boolean },
): 'static-pie' | 'static' | 'pie';
