import { execFileSync } from 'node:child_process';
import anyTest from 'ava';
import { nestedGroups } from '../../src/cgroup/nested.ts';
import { canActAsOthers, needs } from '../needs.ts';
import { makeSandbox } from './sandbox.ts';

const test = anyTest.serial;

/** 17 names of 250 bytes are longer than a path may be. */
const LEVELS = 17;
const NAME = 'd'.repeat(250);

test('groups nested too deep for a path are left out, but those beside them are found', (t) => {
  if (!needs(t, canActAsOthers, 'root')) return;
  const { memory } = makeSandbox(t);
  const step = (line: string): void =>
    void execFileSync('sh', ['-ec', `for level in $(seq ${LEVELS}); do ${line}; done`], { cwd: memory });
  t.teardown(() =>
    step(`for up in $(seq $((${LEVELS} - level))); do cd -P ${NAME}; done; rmdir ${NAME}; cd ${memory}`),
  );
  step(`mkdir ${NAME}; cd -P ${NAME}`);
  execFileSync('mkdir', [`${memory}/zz`]);
  t.teardown(() => execFileSync('rmdir', [`${memory}/zz`]));
  const found = nestedGroups(memory);
  t.true(found.includes(`${memory}/zz`));
  t.true(found.length > 10 && found.length <= LEVELS + 1, `${found.length}`);
});
