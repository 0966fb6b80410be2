/**
 * The tool's own failure: a mistake in what was asked, or something that the machine lacks.
 * What the measured program does is never one of these; that is a result.
 */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  /** Stable, kebab-case: `bad-size`, `unknown-option`, `no-listener`, `limit-not-set` … */
  readonly code: string;
  /** One line that can be followed as it stands. */
  readonly hint: string;
  /** The result of the run that could not be made, where there is one (`outcome: "setup-error"`). */
  result?: unknown;

  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** The errno name of a failed system call that Node made, or null. */
export function errnoOf(error: unknown): string | null {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' ? code : null;
}

/** What was thrown, as a SetupError; a bug of kmem-run's own becomes one with code `internal`. */
export function asSetupError(error: unknown): SetupError {
  if (error instanceof SetupError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const errno = errnoOf(error);
  return new SetupError(
    'internal',
    `an error of kmem-run's own: ${reason}`,
    `please report it${errno === null ? '' : `; kmem-run doctor may tell more about ${errno}`}`,
    { cause: error },
  );
}
