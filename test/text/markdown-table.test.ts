import test from 'ava';
import { markdownTable, withGenerated } from '../../src/text/markdown-table.ts';

const PAGE = 'before\n\n<!-- generated: calls, by make-docs -->\n\nold\n\n<!-- end of calls -->\n\nafter\n';

test('only the text between the two comments is replaced', (t) => {
  const renewed = withGenerated(PAGE, 'calls', '| new |\n');
  t.is(renewed, PAGE.replace('old', '| new |'));
  t.is(withGenerated(renewed, 'calls', '| new |\n'), renewed);
  t.is(
    withGenerated(PAGE, 'calls', 'costs $1 and $&'),
    PAGE.replace('old', () => 'costs $1 and $&'),
  );
});

test('a page without the two comments is refused, so nothing stale remains', (t) => {
  for (const broken of [
    'no part at all',
    PAGE.replace('<!-- end of calls -->', ''),
    PAGE.replace('<!-- generated: calls', '<!-- generated: others'),
    PAGE + PAGE,
  ]) {
    t.throws(() => withGenerated(broken, 'calls', 'new'), { message: /no part .*calls/ });
  }
});

test('a bar in a cell is escaped', (t) => {
  t.is(markdownTable(['a', 'b'], [['`on|off`', '']]), '| a | b |\n| --- | --- |\n| `on\\|off` |  |\n');
});
