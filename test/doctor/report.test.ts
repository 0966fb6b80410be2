import test from 'ava';
import type { Diagnosis } from '../../src/doctor/check.ts';
import { diagnosesJson, diagnosisText, verdictText } from '../../src/doctor/report.ts';
import { dangerous } from '../fixtures/terminal.ts';

const plain = { color: false, width: null };
function diagnosis(part: Partial<Diagnosis> = {}): Diagnosis {
  return {
    name: 'gate',
    level: 'ok',
    found: 'it denies',
    remedy: null,
    ...part,
  };
}

test('a line has a mark, with the remedy below it', (t) => {
  const marked = (level: Diagnosis['level']) => diagnosisText(diagnosis({ level }), plain).slice(0, 9);
  t.deepEqual((['ok', 'note', 'warning', 'missing', 'not-tried'] as const).map(marked), [
    '  ✓ gate ',
    '  · gate ',
    '  ! gate ',
    '  ✗ gate ',
    '  - gate ',
  ]);
  t.is(
    diagnosisText(diagnosis({ level: 'missing', remedy: 'mend it' }), plain),
    `  ✗ gate            it denies\n${' '.repeat(20)}remedy: mend it\n`,
  );
});

test('text is wrapped to the terminal', (t) => {
  const text = diagnosisText(diagnosis({ found: 'word '.repeat(30).trim() }), { color: false, width: 60 });
  t.true(text.split('\n').length > 3);
  for (const line of text.split('\n')) t.true(line.length <= 60);
});

test('the verdict', (t) => {
  const verdict = (...levels: Diagnosis['level'][]) =>
    verdictText(
      levels.map((level) => diagnosis({ level })),
      plain,
    );
  t.is(verdict('ok', 'note'), 'kmem-run: a gated run works here\n');
  t.is(verdict('ok', 'warning'), 'kmem-run: a gated run works here, with 1 warning\n');
  t.is(
    verdict('missing', 'not-tried', 'missing', 'warning', 'warning'),
    'kmem-run: a gated run does not work here: 2 things missing, with 2 warnings\n',
  );
});

test('control characters in findings are escaped', (t) => {
  const rude = diagnosis({ level: 'missing', found: 'a\u001b[2Jb\u009b\u202e', remedy: 'rm \u0007' });
  t.deepEqual(dangerous(diagnosisText(rude, plain), '\n'), []);
  t.deepEqual(dangerous(diagnosesJson([rude]), '\n'), []);
  t.is(JSON.parse(diagnosesJson([rude])).checks[0].found, 'a\\x1b[2Jb\\u{9b}\\u{202e}');
});

test('JSON reports whether a gated run works', (t) => {
  t.is(JSON.parse(diagnosesJson([diagnosis()])).works, true);
  t.is(JSON.parse(diagnosesJson([diagnosis({ level: 'not-tried' })])).works, false);
});
