import test from 'ava';
import { isOlder } from '../../src/text/versions.ts';

test('versions are compared by number, as far as the second one goes', (t) => {
  for (const [version, than, older] of [
    ['5.10.262', '5.16', true],
    ['5.16.0-rc1', '5.16', false],
    ['6.1.0-57-amd64', '6.1', false],
    ['6.12', '6.1', false],
    ['6', '6.1', true],
    ['4.19', '5', true],
    ['0', '5.16', true],
  ] as const)
    t.is(isOlder(version, than), older, `${version} ${than}`);
});
