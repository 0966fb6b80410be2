import test from 'ava';
import { markdownTable, withGenerated } from '../../src/text/markdown-table.ts';

const PAGE = 'before\n\n<!-- generated: calls, by make-docs -->\n\nold\n\n<!-- end of calls -->\n\nafter\n';

test('what stands between the two comments is replaced, and nothing else', (t) => {
  const renewed = withGenerated(PAGE, 'calls', '| new |\n');
  t.is(renewed, PAGE.replace('old', '| new |'));
  t.is(withGenerated(renewed, 'calls', '| new |\n'), renewed);
  t.is(
    withGenerated(PAGE, 'calls', 'costs $1 and $&'),
    PAGE.replace('old', () => 'costs $1 and $&'),
  );
});

test('a page without the two comments is refused, so that nothing stale stays', (t) => {
  for (const broken of [
    'no part at all',
    PAGE.replace('<!-- end of calls -->', ''),
    PAGE.replace('<!-- generated: calls', '<!-- generated: others'),
    PAGE + PAGE,
  ]) {
    t.throws(() => withGenerated(broken, 'calls', 'new'), { message: /no part .*calls/ });
  }
});

test('a bar in a cell does not end it', (t) => {
  t.is(markdownTable(['a', 'b'], [['`on|off`', '']]), '| a | b |\n| --- | --- |\n| `on\\|off` |  |\n');
});
