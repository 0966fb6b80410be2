import type { ExecutionContext, Implementation } from 'ava';

/** How many times longer than usual things may take here, when the tests run in an emulated machine. */
export const slowness = Number(process.env.KMEM_RUN_TEST_SLOWNESS ?? 1);

/** Whether the long form of a test runs (`npm run test:soak`), and its total time in milliseconds. */
export const soak: Readonly<{ isOn: boolean; budgetMs: number }> = {
  isOn: process.env.KMEM_RUN_TEST_SOAK !== undefined,
  budgetMs: Number(process.env.KMEM_RUN_TEST_SOAK_MS ?? 0),
};

/**
 * For soak tests that may use a `share` of its budget together: true while there is time for one more that takes as
 * long as those before it. Skipped ones are reported.
 */
export function timeBudget(share: number): (t: ExecutionContext) => boolean {
  const began = performance.now();
  let begun = 0;
  return (t) => {
    const spent = performance.now() - began;
    if (begun === 0 || (spent * (begun + 1)) / begun < share * soak.budgetMs) {
      begun += 1;
      return true;
    }
    t.log('skipped: the time budget of this soak is used up');
    t.pass();
    return false;
  };
}

/** For a timeout that a test should not come near: this many seconds on an otherwise idle machine. */
export function lenient(seconds: number): string {
  return `${seconds * slowness}s`;
}

/**
 * True if the machine has what a test needs. If not, the test fails in CI; elsewhere this is logged and the test ends
 * with no other assertion. `what`: the Debian package, or what is missing.
 */
export function needs(t: ExecutionContext, there: boolean, what: string): boolean {
  if (there) return true;
  const message = `this machine lacks ${what}`;
  if (process.env.CI) t.fail(message);
  else {
    t.log(`skipped: ${message}`);
    t.pass();
  }
  return false;
}

/** For tests that act as another user: without root they are skipped, except in CI, where they run and fail. */
export const canActAsOthers: boolean = process.geteuid?.() === 0 || process.env.CI !== undefined;

type Register = (title: string, implementation: Implementation<[]>) => void;

/**
 * `test` if the machine has what these tests need; otherwise they are skipped and their titles name what is missing.
 */
export function where(there: boolean, what: string, test: Register & Readonly<{ skip: Register }>): Register {
  if (there) return test;
  return (title, implementation) => test.skip(`${title} (needs ${what})`, implementation);
}
