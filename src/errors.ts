/**
 * An error of kmem-run itself: an invalid request, or something that the machine lacks. What the measured program does
 * is never an error of this kind; it is a result.
 */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  /** Stable, kebab-case: `bad-size`, `unknown-option`, `no-listener`, `limit-not-set` … */
  readonly code: string;
  /** How to fix the error, in one line. */
  readonly hint: string;
  /** Result of the run that could not be set up (`outcome: "setup-error"`), or the report; undefined if none. */
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

/** Resources that the machine has run out of. More may be free a moment later. */
const shortages: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  EMFILE: ['kmem-run has too many open files (EMFILE)', 'raise the limit, for example: ulimit -n 4096'],
  ENFILE: ['the machine has too many open files (ENFILE)', 'raise the limit: sysctl -w fs.file-max=1000000'],
  ENOMEM: ['the machine has no memory left for kmem-run (ENOMEM)', 'free some memory, and run again'],
};

/** Whether the machine lacked a descriptor or memory for it. */
export function isShortage(error: unknown): boolean {
  return Object.hasOwn(shortages, errnoOf(error) ?? '');
}

/**
 * Converts a thrown value to a SetupError: code `shortage` if the machine has run out of something, `internal` for a
 * bug in kmem-run.
 */
export function asSetupError(error: unknown): SetupError {
  if (error instanceof SetupError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const errno = errnoOf(error);
  const shortage = isShortage(error) ? shortages[errno ?? ''] : undefined;
  if (shortage !== undefined) return new SetupError('shortage', ...shortage, { cause: error });
  return new SetupError(
    'internal',
    `internal error: ${reason}`,
    `please report it${errno === null ? '' : `; run kmem-run doctor to diagnose ${errno}`}`,
    { cause: error },
  );
}
