/** What a newcomer types first: help, the version, a command without --. */

import { spawnSync } from 'node:child_process';
import test from 'ava';
import { readManual } from '../../src/commands/index.ts';
import { runHelp } from '../../src/commands/run-options.ts';
import { helpText, listText } from '../../src/manual/help-text.ts';
import { aboutOption } from '../../src/manual/page.ts';
import { columns } from '../../src/text/visible.ts';
import { assertRefused, bin, makeHarness } from '../harness.ts';

const pages = await readManual();

function kmemRun(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  return { status, signal: null, stdout, stderr, result: null };
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

test('every command prints its help however it is requested', (t) => {
  for (const { name, synopsis } of pages) {
    const answer = kmemRun(name, '--help');
    t.deepEqual([answer.status, answer.stderr], [0, ''], name);
    t.true(answer.stdout.startsWith(`${synopsis[0]}\n`), name);
    // Each process takes a while.
    if (!['run', 'kernel', 'show'].includes(name)) continue;
    for (const args of [
      [name, '-h'],
      [name, 'help'],
      ['help', name],
    ])
      t.deepEqual(kmemRun(...args), answer, args.join(' '));
  }
});

test('help alone lists the commands in groups, one line each', async (t) => {
  const list = kmemRun('help');
  t.is(list.status, 0);
  t.is(list.stdout, await listText(pages, 80));
  t.is(kmemRun().stdout, list.stdout);
  for (const { name, about, group } of pages) {
    t.true(list.stdout.includes(`\n${group}\n`), group);
    t.regex(list.stdout, new RegExp(`^  ${name} +${about.replace(/[()]/g, '\\$&')}$`, 'm'));
  }
  t.notRegex(list.stdout, /--kmem/);
  for (const name of ['-h', '--help']) {
    t.is(kmemRun(name).stdout, await helpText(runHelp(), 80, pages));
    t.is(kmemRun('--kmem', '1M', name, '--', 'true').stdout, kmemRun(name).stdout);
  }
});

test('the version is printed', (t) => {
  for (const name of ['-V', '--version', 'version']) t.regex(kmemRun(name).stdout, /^\d+\.\d+\.\d+\n$/, name);
  assertRefused(t, kmemRun('version', 'x'), /unexpected argument: "x"/);
});

test.serial('after -- an option belongs to the command', async (t) => {
  const { run } = makeHarness(t);
  for (const name of ['-h', '-V', '--help', 'help']) {
    const { status, stdout } = await run(['--', 'echo', name]);
    t.deepEqual([status, stdout], [0, name === '--help' ? stdout : `${name}\n`]);
    t.notRegex(stdout, /kmem-run/);
  }
});

test('help fits 80 columns and any other width without breaking a word', async (t) => {
  for (const page of pages) {
    const options = page.options.map((option) => `--${option.name} ${option.takes ?? ''} ${aboutOption(option)}`);
    const given = wordsOf([...page.synopsis, ...page.text, ...options, ...page.status.flat()].join(' '));
    for (const width of [60, 80, 120]) {
      const text = await helpText(page, width, pages);
      const words = new Set(wordsOf(text));
      t.deepEqual(
        given.filter((word) => !words.has(word)),
        [],
        `${page.name} at ${width}`,
      );
      for (const line of text.split('\n')) t.true(columns(line) <= width || / {2}kmem-run /.test(line), line);
    }
  }
});

test('an option is shown with its value but not its type', async (t) => {
  const text = await helpText(runHelp(), 80);
  t.regex(text, /^ {2}--kmem SIZE +limit kernel memory/m);
  t.regex(text, /^ {2}--grace DURATION +time from SIGTERM to SIGKILL \(default: 2s\)$/m);
  t.notRegex(text, /\[string\]|\[boolean\]/);
  for (const group of ['Limits', 'Steps', 'Enforcement', 'Output']) t.regex(text, new RegExp(`^${group}:$`, 'm'));
});

test('the hint puts a missing -- where it belongs', (t) => {
  const lines: readonly (readonly [readonly string[], string])[] = [
    [['--kmem', '1M', 'apachectl', 'start'], 'kmem-run --kmem 1M -- apachectl start'],
    [['run', '--kmem=1M', '--aslr', 'sh', '-c', 'a b'], "kmem-run run --kmem=1M --aslr -- sh -c 'a b'"],
    [['--then', "it's", 'true', '--kmem', '1M'], "kmem-run --then 'it'\\''s' -- true --kmem 1M"],
    [['sweep', '--kmem', '1M,2M', '--plot', 'sh', '-c', ':'], 'kmem-run sweep --kmem 1M,2M --plot -- sh -c :'],
    [['bisect', 'sh', '-c', 'exit 1'], "kmem-run bisect -- sh -c 'exit 1'"],
    [['--kmem', '1M'], 'kmem-run [options] -- command [args…]'],
    [['sh', '-c', 'a "b"'], 'kmem-run -- sh -c \'a "b"\''],
    [[bin, '--kmem', '1M'], `kmem-run -- ${bin} --kmem 1M`],
  ];
  for (const [args, hint] of lines) {
    const refused = kmemRun(...args);
    t.is(refused.status, 125);
    t.is(refused.stderr.split('\n')[1], `  hint: ${hint}`, args.join(' '));
  }
  assertRefused(t, kmemRun('--kmem', '1M', 'true'), /^kmem-run: -- is missing before the command$/);
});

test('the suggested command line runs as shown', (t) => {
  const refused = kmemRun('--kmem', '64M', '--dry-run', 'printf', '%s|', 'a b', "it's", '$HOME', '');
  const line = (refused.stderr.split('hint: ')[1] ?? '').replace(/^kmem-run/, `'${process.execPath}' '${bin}'`);
  const { stdout } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
  t.deepEqual(JSON.parse(stdout).command, ['printf', '%s|', 'a b', "it's", '$HOME', '']);
});

test('an error before the command is reported first', (t) => {
  t.regex(kmemRun('--kme', '1M', 'true').stderr, /unknown option "--kme"\n {2}hint: did you mean --kmem\?/);
  t.regex(kmemRun('sweep', '--kme', '1M', 'true').stderr, /unknown option "--kme"/);
});

test('an unknown command gets a hint', (t) => {
  t.regex(kmemRun('swep').stderr, /unknown command: "swep"\n {2}hint: did you mean sweep\?/);
  t.regex(kmemRun('no-such-program').stderr, /hint: kmem-run help lists the commands/);
  t.regex(kmemRun('help', 'swep').stderr, /did you mean sweep\?/);
  t.regex(kmemRun('help', 'sweep', 'run').stderr, /unexpected argument: "run"/);
});
