/** What the group did while each step of a run lasted, daemons that an earlier one left behind included. */

import type { GateEvent } from '../gate/protocol.ts';

type AccountEvent = Extract<GateEvent, { event: 'account' }>;

export type Account = Readonly<{ denials: number | null; maxUsage: number | null }>;

export type Accounts = Readonly<{
  /** A step outside the group begins: its index. The helper was told so, and an account of it will come. */
  begin: (index: number) => void;
  take: (event: AccountEvent) => void;
  /** The index of a step by the helper's number, which counts those in the group only; null: of the one outside that lasts. */
  indexOf: (number: number | null) => number | null;
  /** By the index of the step. */
  all: () => ReadonlyMap<number, Account>;
}>;

/** `inGroup`: indexes of the steps in the group, in their order. */
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
