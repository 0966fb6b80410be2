import test from 'ava';
import { createAccounts } from '../../src/run/accounts.ts';

function told(step: number | null, denials: number) {
  return { event: 'account', step, denials, maxUsage: 4096 } as const;
}

test('steps in the group are matched by the helper’s numbers, others by order', (t) => {
  // Steps 0 and 3 of the plan are in the group.
  const accounts = createAccounts(() => [0, 3]);
  accounts.begin(1);
  accounts.begin(2);
  t.is(accounts.indexOf(0), 0);
  accounts.take(told(0, 1));
  t.is(accounts.indexOf(null), 1, 'the oldest that has no account');
  accounts.take(told(null, 2));
  t.is(accounts.indexOf(null), 2);
  accounts.take(told(null, 3));
  t.is(accounts.indexOf(null), null);
  t.is(accounts.indexOf(1), 3);
  t.is(accounts.indexOf(7), null);
  accounts.take(told(1, 4));
  const denials = [...accounts.all()].map(([index, account]) => [index, account.denials]);
  t.deepEqual(denials, [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
  ]);
});
