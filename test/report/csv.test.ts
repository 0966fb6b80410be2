import test from 'ava';
import { csvHead, csvLine } from '../../src/report/formats.ts';
import type { Result } from '../../src/result/schema.ts';
import { hostile, result, setupError, unread } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';

function line(made: Result, label: string | null = null) {
  return csvLine({ result: made, experimentId: null, point: null, repeat: null, label });
}

/** How a reader that follows RFC 4180 parses it, by column. */
function read(text: string): Record<string, string> {
  const fields: string[] = [];
  const body = text.replace(/\r\n$/, '');
  for (const match of body.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",\r\n]*))(?=,|$)/gy)) {
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  }
  const names = csvHead().trimEnd().split(',');
  if (fields.length !== names.length) throw new Error(`${fields.length} fields of ${names.length}: ${text}`);
  return Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']));
}

function ofCommand(...command: string[]) {
  return read(line(result({ spec: { command } }))).command;
}

test('values are listed by their keys in the result', (t) => {
  t.like(read(line(result(), 'before')), {
    id: '20250102-030405-abcdef',
    label: 'before',
    startedAt: '2025-01-02T03:04:05.678Z',
    command: 'apachectl start',
    outcome: 'passed',
    'exit.code': '0',
    'exit.signal': '',
    'durations.wallMs': '412.1',
    'spec.limits.kmem': '4194304',
    'spec.limits.mem': '',
    'kmem.maxUsage': '2637824',
    'kmem.failcnt': '0',
    'environment.aslr': 'false',
  });
});

test('an unknown value is empty, never 0', (t) => {
  for (const made of [unread(), setupError()]) {
    t.like(read(line(made)), { 'kmem.maxUsage': '', 'kmem.failcnt': '', 'exit.code': '', firstFailing: '' });
  }
});

test('commas, quotes and line breaks stay within their field', (t) => {
  for (const words of [
    'a,b',
    'say "no"',
    '"',
    '""',
    'two\nlines',
    'a;b',
    "it's",
    ' edge ',
    'tab\tbed',
    ',"\n"',
    'ü€😀',
  ]) {
    t.is(ofCommand('x', words), `x ${words}`, JSON.stringify(words));
  }
});

test('each record ends in CRLF and has no other CR', (t) => {
  t.true(csvHead().endsWith('\r\n'));
  t.is(line(hostile()).match(/\r/g)?.length, 1);
});

test('no field starts a formula', (t) => {
  for (const words of [
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\n=1',
    ' =1',
    '\u00a0=1',
    '＝1',
    '=HYPERLINK("http://a","b")',
  ]) {
    t.is(ofCommand(words), `'${words}`, JSON.stringify(words));
  }
  t.is(ofCommand('\r=1'), '\\r=1', 'made visible, it begins with a backslash');
  t.is(ofCommand('a=1'), 'a=1');
  t.is(read(line(result({ durations: { wallMs: -0.5 } })))['durations.wallMs'], '-0.5', 'a number is no formula');
});

test('no field contains terminal control characters', (t) => {
  t.deepEqual(dangerous(line(hostile()), '\n\r\t'), []);
});
