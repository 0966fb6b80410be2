/** What a shell makes of a line that is not finished: in bash, zsh and fish. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readManual } from '../../src/commands/index.ts';
import { assertRefused, bin, makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';

const folder = mkdtempSync(join(tmpdir(), 'kmem-run-completion-'));
const scripts = new Map<string, string>();
function has(program: string) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

test.before('print the scripts, and make files to find', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = join(folder, `completion.${shell}`);
    writeFileSync(script, execFileSync(process.execPath, [bin, 'completion', shell]));
    scripts.set(shell, script);
  }
  for (const name of ['result one.json', 'result-two.json']) writeFileSync(join(folder, name), '');
  execFileSync('mkdir', [join(folder, 'results')]);
});

test.after.always('remove them', () => rmSync(folder, { recursive: true, force: true }));

// compopt works in a completion that a key has begun, and nowhere else.
const ASK = `compopt() { :; }; source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kmem_run
  printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What bash offers for the last word. */
function offered(words: readonly string[], start = ASK): string[] {
  const given = ['-c', start, 'bash', scripts.get('bash') ?? '', 'kmem-run', ...words];
  const env = { ...process.env, SOME_VARIABLE: 'x' };
  const { stdout, stderr } = spawnSync('bash', given, { cwd: folder, encoding: 'utf8', env });
  return [...stdout.split('\n').filter((line) => line !== ''), ...(stderr === '' ? [] : [stderr])];
}

const LINES: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['sw'], ['sweep']],
  [['--enf'], ['--enforce']],
  [
    ['--enforce', ''],
    ['auto', 'gate', 'native', 'none'],
  ],
  [['--enforce', '=', 'g'], ['gate']],
  [
    ['--enforce', '='],
    ['auto', 'gate', 'native', 'none'],
  ],
  [['sweep', '--rep'], ['--repeat']],
  [['sweep', '--kmem', '1M', '--conf'], []],
  [['bisect', '--kmem', '1M', '--conf'], ['--confirm']],
  [['--kmem', ''], []],
  [
    ['kernel', ''],
    ['list', 'add', 'remove', 'verify'],
  ],
  [
    ['kernel', 'add', '--m'],
    ['--mirror', '--modules'],
  ],
  [
    ['export', '--format', ''],
    ['json', 'csv'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [
    ['--json', 'resu'],
    ['result one.json', 'result-two.json', 'results'],
  ],
  [['--cwd', 'resu'], ['results']],
  [['--output', 'in'], ['inherit']],
  [['--env', 'SOME_VAR'], ['SOME_VARIABLE']],
  [['--user', 'roo'], ['root']],
  [['sweep', ''], ['--']],
  [['--', 'basenam'], ['basename']],
  [['--', 'sweep', 'result-'], ['result-two.json']],
  [['--', 'cat', '--enf'], []],
];

for (const [words, wanted] of LINES) {
  test(`bash: kmem-run ${words.join(' ')}|`, (t) => {
    t.deepEqual([...new Set(offered(words))].toSorted(), [...wanted].toSorted());
  });
}

test('bash: after -- the completion of the command itself is asked, where bash-completion is there', (t) => {
  const asking = `_command_offset() { COMPREPLY=("offset $1"); }; ${ASK}`;
  t.deepEqual(offered(['--kmem', '1M', '--', 'git', 'che'], asking), ['offset 4']);
});

test('bash: the key in a shell of a terminal', (t) => {
  if (!needs(t, has('script'), 'script (bsdutils)')) return;
  const keys = `source ${scripts.get('bash')}\necho kmem-run; kmem-run --enfo\tgat\t\nexit\n`;
  const { stdout } = spawnSync('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
    ...{ input: keys, encoding: 'utf8', cwd: folder },
    env: { PATH: '/usr/bin:/bin', TERM: 'dumb', INPUTRC: '/dev/null' },
  });
  t.true(stdout.includes('kmem-run --enforce gate '), stdout);
});

for (const [shell, check] of [
  ['bash', ['-n']],
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const) {
  test(`${shell}: the script is one`, (t) => {
    if (!needs(t, has(shell), shell)) return;
    const { status, stderr } = spawnSync(shell, [...check, scripts.get(shell) ?? ''], {
      ...{ encoding: 'utf8', env: { ...process.env, HOME: folder } },
    });
    t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });
}

test('fish: the same answers', (t) => {
  if (!needs(t, has('fish'), 'fish')) return;
  for (const [line, wanted] of [
    ['kmem-run sw', ['sweep']],
    ['kmem-run --enforce ', ['auto', 'gate', 'native', 'none']],
    ['kmem-run sweep --rep', ['--repeat']],
    ['kmem-run kernel ', ['add', 'list', 'remove', 'verify']],
    ['kmem-run -- cat result-', ['result-two.json']],
  ] as const) {
    const asked = ['-c', `source ${scripts.get('fish')}; complete -C '${line}'`];
    const { stdout } = spawnSync('fish', asked, {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, HOME: folder },
    });
    t.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((answer) => answer.split('\t')[0]),
      [...wanted],
      line,
    );
  }
});

test('what is offered for a command is what it takes', async (t) => {
  const pages = (await readManual()).filter(({ options, words }) => options.length > 0 && words.length === 0);
  t.true(pages.length > 5);
  for (const { name, options } of pages) {
    const given = options.map(({ name, takes }) => (takes === null ? `--${name}` : `--${name}=x`));
    const { status, stderr } = spawnSync(process.execPath, [bin, name, ...given, '--help'], { encoding: 'utf8' });
    t.is(status, 0, stderr);
  }
});

test('refused: no shell, one that is not known, a word too many', async (t) => {
  const { run } = makeHarness(t);
  const refused = (...args: string[]) => run(['completion', ...args], { json: false });
  assertRefused(t, await refused(), /for which shell/);
  assertRefused(t, await refused('fisch'), /not made for "fisch"/);
  assertRefused(t, await refused('bash', 'zsh'), /"zsh" is one word too many/);
});
