/** What the group did during each step of a run, including daemons left behind by earlier steps. */

import type { GateEvent } from '../gate/protocol.ts';

type AccountEvent = Extract<GateEvent, { event: 'account' }>;

export type Account = Readonly<{ denials: number | null; maxUsage: number | null }>;

export type Accounts = Readonly<{
  /** A step with this index begins outside the group. The helper was informed and will send an account of it. */
  begin: (index: number) => void;
  take: (event: AccountEvent) => void;
  /**
   * The index of a step for the helper's number, which counts only steps in the group; null: the running step outside.
   */
  indexOf: (number: number | null) => number | null;
  /** By step index. */
  all: () => ReadonlyMap<number, Account>;
}>;

/** `inGroup`: indexes of the steps in the group, in order. */
export function createAccounts(inGroup: () => readonly number[]): Accounts {
  const accounts = new Map<number, Account>();
  const outside: number[] = [];
  const indexOf = (number: number | null): number | null => (number === null ? outside[0] : inGroup()[number]) ?? null;
  return {
    begin: (index) => void outside.push(index),
    take: ({ step, denials, maxUsage }) => {
      const index = indexOf(step);
      if (step === null) outside.shift();
      if (index !== null) accounts.set(index, { denials, maxUsage });
    },
    indexOf,
    all: () => accounts,
  };
}
