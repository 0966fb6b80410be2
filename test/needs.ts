import type { ExecutionContext, Implementation } from 'ava';

/** How many times as long as usual things may take here: where the tests run in an emulated machine. */
export const slowness = Number(process.env.KMEM_RUN_TEST_SLOWNESS ?? 1);

/** Whether the long form of a test runs (`npm run test:soak`), and for how long in all, in milliseconds. */
export const soak: Readonly<{ isOn: boolean; budgetMs: number }> = {
  isOn: process.env.KMEM_RUN_TEST_SOAK !== undefined,
  budgetMs: Number(process.env.KMEM_RUN_TEST_SOAK_MS ?? 0),
};

/**
 * For the tests of a soak that may take a `share` of its budget together: true while there is time for one more that takes
 * as long as those before it. What is left out says so.
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

/** For a limit of time that a test should not come near: of so many seconds on a machine of its own. */
export function lenient(seconds: number): string {
  return `${seconds * slowness}s`;
}

/**
 * True where the machine has what a test needs. In CI a lack fails the test; elsewhere it is said and the test ends
 * with nothing asserted but that. `what`: the Debian package, or what is missing.
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

/** For tests that act as another user: without root they are skipped, and in CI they run all the same and fail. */
export const canActAsOthers: boolean = process.geteuid?.() === 0 || process.env.CI !== undefined;

type Register = (title: string, implementation: Implementation<[]>) => void;

/** `test` where the machine has what these tests need; elsewhere they are skipped, and their titles say what is missing. */
export function where(there: boolean, what: string, test: Register & Readonly<{ skip: Register }>): Register {
  if (there) return test;
  return (title, implementation) => test.skip(`${title} (needs ${what})`, implementation);
}
