import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { code, escaped, pre, table } from '../../../src/report/markdown/markup.ts';
import { markdownReport } from '../../../src/report/markdown/report.ts';
import type { Result } from '../../../src/result/schema.ts';
import type { ReportDocument } from '../../../src/scenario/documents.ts';
import { compareRuns } from '../../../src/statistics/compare.ts';
import { sampleOf } from '../../../src/statistics/sample.ts';
import { failure, hostile, result } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';
import { needs } from '../../needs.ts';

const CMARK = '/usr/bin/cmark-gfm';
const told = { title: null, version: '0.1.0' };

/** As GitHub renders it, including raw HTML. */
function rendered(markdown: string): string {
  return execFileSync(CMARK, ['--unsafe', '-e', 'table', '-e', 'autolink', '-e', 'strikethrough'], {
    input: markdown,
    encoding: 'utf8',
  });
}

function run(made: Result): ReportDocument {
  return { kind: 'run', result: made };
}

function compared(name: string, a: readonly Result[], b: readonly Result[]): ReportDocument {
  const samples = (all: readonly Result[]) =>
    all.map((made) => sampleOf({ result: made, experimentId: null, point: null, repeat: null, label: null }));
  const side = (own: string, results: readonly Result[]) => ({
    name: own,
    runs: results.length,
    commands: [],
    results,
  });
  return { kind: 'compare', a: side('before', a), b: side(name, b), comparison: compareRuns(samples(a), samples(b)) };
}

test('shows a table and the changes, and folds the rest', (t) => {
  const before = result();
  const after = result({
    id: 'r2',
    outcome: 'failed',
    kmem: { failcnt: 2 },
    failures: [failure()],
    failureCounts: [{ comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', count: 2 }],
  });
  const text = markdownReport(
    [run(before), run(after), compared('after', Array(3).fill(before), Array(3).fill(after))],
    told,
  );
  const [head, results, change, changes] = text.split('\n\n');
  t.is(head, '### kmem-run');
  t.is(
    results,
    `|  | what | result | kmem limit | kmem peak | failcnt | first failing call |
| --- | --- | --- | ---: | ---: | ---: | --- |
| ✅ | <code>apachectl start</code> | passed | 4 MiB | 2.52 MiB | 0 |  |
| ❌ | <code>apachectl start</code> | failed | 4 MiB | 2.52 MiB | 2 | <code>apache2&#58; mmap /usr/lib/apache2/modules/mod&#95;negotiation.so</code> |`,
  );
  t.is(change, '**What changed** from <code>before</code> (3 runs) to <code>after</code> (3 runs): **different**');
  t.is(
    changes,
    `|  | A: <code>before</code> | B: <code>after</code> |  |
| --- | --- | --- | --- |
| limits | kmem 4,194,304 (4 MiB) ×3 | kmem 4,194,304 (4 MiB) ×3 | the same |
| outcome | passed ×3 | failed ×3 | **different** |
| ends | exit 0 ×3 | exit 0 ×3 | the same |
| kmem peak | 2,637,824 | 2,637,824 | the same |
| failcnt | 0 | 2 | **different** |
| <code>apache2&#58; mmap (ENOMEM)</code> | in 0 | in 3 | **different** |`,
  );
  t.is(text.match(/<details><summary>/g)?.length, 3);
  t.regex(
    text,
    /<details><summary><code>apachectl start<\/code>&#58; failed|<details><summary><code>apachectl start<\/code>: failed/,
  );
  t.regex(text, /\n<sub>kmem-run 0\.1\.0<\/sub>\n$/);
});

test('cmark-gfm renders its folded sections and its tables', (t) => {
  if (!needs(t, existsSync(CMARK), 'cmark-gfm')) return;
  const html = rendered(markdownReport([run(result()), compared('after', [result()], [result()])], told));
  t.is(html.match(/<table>/g)?.length, 2);
  t.is(html.match(/<details>/g)?.length, 2);
  t.is(html.match(/<\/details>/g)?.length, 2);
  t.is(html.match(/<pre>kmem-run: /g)?.length, 2);
});

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' };

/** What a reader sees, without the markup. */
function seen(html: string): string {
  return html
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:#(\d+)|(lt|gt|quot|amp));/g, (_, number, name) =>
      number === undefined ? (entities[name] ?? '') : String.fromCodePoint(Number(number)),
    );
}

const odd = [
  'a|b',
  '`x` ``y``',
  '<script>alert(1)</script>',
  '</code></pre></details>',
  '*bold* _it_ **b** ~~s~~ [link](http://a.example) ![i](x)',
  '@maintainer #1 org/repo#2 https://a.example www.a.example a@b.example',
  '$x$ \\| \\` &lt; &#124; &amp;',
  '# head',
  'a\nb\r\n\n| - |',
  ':smile: {x} ^y^ ==z==',
];

test('text stays text in a table, in a heading and in a folded section', (t) => {
  if (!needs(t, existsSync(CMARK), 'cmark-gfm')) return;
  for (const text of odd) {
    const cell = rendered(table(['a', 'b'], ['left', 'left'], [[code(text), 'end']]));
    t.is(cell.match(/<td>/g)?.length, 2, cell);
    t.notRegex(cell.replaceAll(/<\/?(table|thead|tbody|tr|th|td|code)>|<!---->/g, ''), /<[a-z/!]/i, cell);
    t.is(seen(/<code>(.*?)<\/code>/s.exec(cell)?.[1] ?? ''), text.replace(/\r/g, '\\r').replace(/\n/g, '\\n'));
    t.is(
      seen(rendered(`<details>\n\n${pre(text.replaceAll('\r', ''))}\n\n</details>`)).trim(),
      text.replaceAll('\r', '').trim(),
    );
  }
});

test('no text turns into markup', (t) => {
  if (!needs(t, existsSync(CMARK), 'cmark-gfm')) return;
  const sign = fc.constantFrom(
    ...'|`<>*_~[]()!#@:\\&;$ \n-+=.{}"\'wa1'.split(''),
    'www.',
    'http://',
    '</pre>',
    '&#124;',
  );
  const texts = fc.array(fc.string({ unit: sign, minLength: 1, maxLength: 30 }), { minLength: 40, maxLength: 40 });
  // All at once, otherwise each would start a process.
  for (const list of fc.sample(texts, 5)) {
    const html = rendered(
      table(
        ['a', 'b'],
        ['left', 'left'],
        list.map((text) => [code(text), 'end']),
      ),
    );
    t.is(html.match(/<td>/g)?.length, 2 * list.length);
    t.deepEqual(
      [...html.matchAll(/<td>(.*?)<\/td>\n<td>end<\/td>/gs)].map(([, cell = '']) => seen(cell)),
      list.map((text) => text.replaceAll('\n', '\\n')),
    );
    t.notRegex(html.replaceAll(/<\/?(table|thead|tbody|tr|th|td|code)>|<!---->/g, ''), /<[a-z/!]/i);
  }
});

test('a report of hostile results has the same tables and no extra markup', (t) => {
  const markup = '</pre></details>\n\n# owned\n\n| a |\n| - |\n`<script>alert(1)</script>` @all';
  const bad = { ...hostile(), warnings: [markup], id: 'h' };
  const named = result({ spec: { command: [markup] }, steps: [], kmem: { maxUsage: null } });
  const text = markdownReport([run(bad), run(named), compared(markup, [bad], [named])], {
    ...told,
    title: markup,
    notes: [markup],
  });
  t.deepEqual(dangerous(text, '\n'), []);
  t.notRegex(text, /^# owned|^\| - \||<script/m);
  t.is(text.match(/<\/details>/g)?.length, 3);
  t.is(text.match(/<\/pre>/g)?.length, 3);
  if (!needs(t, existsSync(CMARK), 'cmark-gfm')) return;
  const html = rendered(text);
  t.is(html.match(/<h1>/g), null);
  t.is(html.match(/<h3>/g)?.length, 1);
  t.is(html.match(/<table>/g)?.length, 2);
  t.is(html.match(/<script/g), null);
});

test('text too long for a comment is cut, with a note', (t) => {
  const text = pre(`${'x'.repeat(50)}\n`.repeat(1000));
  t.true(text.length < 20_000);
  t.regex(text, /… and more: kmem-run report --html shows all of it<\/pre>$/);
  t.is(escaped('plain-text_1'), 'plain-text&#95;1');
});
