/** Counts the results in ava's TAP output: its lines and its summary, which alone reports tests that never ran. */

export type Count = Readonly<{ passed: number; failed: number; skipped: number }>;

export const emptyCount: Count = { passed: 0, failed: 0, skipped: 0 };

export function sum(a: Count, b: Count): Count {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

export function summary({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

export type Reading = Readonly<{
  take: (line: string) => void;
  /**
   * `status`: ava's exit status; null if a signal ended it. `failed`: what failed, with the beginning of its reason.
   */
  end: (status: number | null) => Readonly<{ count: Count; failed: readonly string[] }>;
}>;

/** Lines of the reason that are repeated at the end. */
const SHOWN_LINES = 16;
const SHOWN_COLUMNS = 200;

export function readTap(): Reading {
  let count = emptyCount;
  let todo = 0;
  let failedBySummary = 0;
  let isEnded = false;
  let shown = 0;
  let isPass = false;
  const failed: string[] = [];
  return {
    take: (line) => {
      const [, not, directive] = /^(not )?ok \d+(?:.*# (SKIP|TODO)$)?/.exec(line) ?? [];
      if (/^(not )?ok \d+/.test(line)) {
        if (directive === 'TODO') todo += 1;
        if (directive !== undefined) count = { ...count, skipped: count.skipped + 1 };
        else if (not === undefined) count = { ...count, passed: count.passed + 1 };
        else count = { ...count, failed: count.failed + 1 };
        isPass = not === undefined && directive === undefined;
        shown = not !== undefined && directive === undefined ? SHOWN_LINES : 0;
      } else if (/^1\.\.\d+$/.test(line)) isEnded = true;
      // It ended at once, with only the assertion that it was to be skipped (test/needs.ts).
      else if (isPass && /^# +skipped: /.test(line)) {
        count = { ...count, passed: count.passed - 1, skipped: count.skipped + 1 };
        isPass = false;
      }
      const fail = /^# fail (\d+)$/.exec(line)?.[1];
      if (fail !== undefined) failedBySummary = Number(fail);
      // Comments are the test's log output, which comes before its reason.
      if (/^1\.\./.test(line)) shown = 0;
      if (shown > 0) {
        failed.push(line.slice(0, SHOWN_COLUMNS));
        shown -= 1;
      }
    },
    end: (status) => {
      const more = Math.max(0, failedBySummary - todo - count.failed);
      const unsaid = more === 0 && count.failed === 0 && (status !== 0 || !isEnded || count.passed === 0) ? 1 : 0;
      const reasons = [
        ...(more > 0 ? [`${more} more did not run, since a hook failed or a file crashed`] : []),
        ...(unsaid > 0 ? [`ava ended with ${status} after ${count.passed} tests, before a test failed`] : []),
      ];
      return { count: { ...count, failed: count.failed + more + unsaid }, failed: [...failed, ...reasons] };
    },
  };
}
