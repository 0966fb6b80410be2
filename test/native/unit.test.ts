import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { compileSanitized, helperParts, here, makeFolder } from './compile.ts';

const LINE = /^(not )?ok \d+ - (.*)$/;

test('the helper’s unit tests pass under AddressSanitizer and UBSan', (t) => {
  const program = join(makeFolder(t), 'unit');
  const unit = join(here, 'unit');
  const sources = readdirSync(unit).filter((file) => file.endsWith('.c'));
  compileSanitized('cc', 'address,undefined', program, [...sources.map((file) => join(unit, file)), ...helperParts()]);
  const { stdout, stderr, status } = spawnSync(program, { encoding: 'utf8' });
  t.is(stderr, '');
  const lines = stdout.trimEnd().split('\n');
  for (const [index, line] of lines.entries()) {
    const [, failed, name] = LINE.exec(line) ?? [];
    if (name !== undefined) t.true(failed === undefined, [name, lines[index + 1]].join('\n'));
  }

  const checks = lines.filter((line) => LINE.test(line)).length;
  t.is(lines.at(-1), `1..${checks}`, 'it came to its end');
  t.is(status, 0);
  t.log(`${checks} checks`);
});
