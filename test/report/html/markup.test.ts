import test from 'ava';
import fc from 'fast-check';
import { embeddedJson, html, lines } from '../../../src/report/html/markup.ts';
import { HOSTILE_TEXT } from '../../fixtures/results.ts';

test('text is escaped, markup is not, lists are joined, null is empty', (t) => {
  const inner = html`<b>${'<i>'}</b>`;
  t.is(
    html`<p title="${'"'}">${inner}${null}${['a', 1, html`<br>`]}</p>`.text,
    '<p title="&quot;"><b>&lt;i&gt;</b>a1<br></p>',
  );
});

test('no text can end an element, an attribute or a script', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('</script>', '<!--', `'"><script>`, HOSTILE_TEXT)),
      (text) => {
        t.notRegex(html`${text}`.text, /[<>"']/);
        t.notRegex(lines(text).text, /[<>"']/);
        const json = embeddedJson({ [text]: text }).text;
        t.notRegex(json, /[<>&\u2028\u2029]/);
        t.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify({ [text]: text })));
      },
    ),
  );
});

test('line breaks are kept, and other invisible characters are shown', (t) => {
  t.is(lines('a\tb\nc\u202e<').text, 'a\\tb\nc\\u{202e}&lt;');
});
