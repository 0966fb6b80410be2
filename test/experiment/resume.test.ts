import test from 'ava';
import { oneMode } from '../../src/experiment/resume.ts';
import type { Result } from '../../src/result/schema.ts';
import { result } from '../fixtures/results.ts';

type Enforcement = Result['enforcement'];

function made(
  mode: Enforcement['mode'],
  granularity: Enforcement['granularity'] = null,
  kernel: string | null = null,
): Result {
  return result({ spec: { kernel }, enforcement: { mode, granularity } });
}

test('a resumed experiment is not continued in another mode', (t) => {
  const { note, check } = oneMode();
  note(made('gate', 'syscall'));
  t.notThrows(() => check(made('gate', 'syscall')));
  t.throws(() => check(made('kernel', 'object')), {
    message: 'the saved runs of this experiment were made in the mode gate, this one in the mode kernel (object)',
  });
});

test('another granularity is another mode; another kernel or a point without a limit is not compared', (t) => {
  const { note, check } = oneMode();
  note(made('none'));
  note(made('kernel', 'object', '6.1'));
  t.throws(() => check(made('kernel', 'allocation', '6.1')), { message: /kernel \(object\).*kernel \(allocation\)/ });
  t.notThrows(() => check(made('gate', 'syscall', '6.12')));
  t.notThrows(() => check(made('none', null, '6.1')));
  t.notThrows(() => check(made('gate', 'syscall')));
});
