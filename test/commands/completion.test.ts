/** How a shell completes an unfinished line: in bash, zsh and fish. */

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readManual } from '../../src/commands/index.ts';
import { openStore } from '../../src/store/store.ts';
import { result } from '../fixtures/results.ts';
import { assertRefused, bin, makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';

const folder = mkdtempSync(join(tmpdir(), 'kmem-run-completion-'));
const scripts = new Map<string, string>();
const programs = join(folder, 'bin');
const env = {
  ...process.env,
  PATH: `${programs}:${process.env.PATH}`,
  HOME: folder,
  XDG_STATE_HOME: join(folder, 'state'),
  XDG_CACHE_HOME: join(folder, 'cache'),
  SOME_VARIABLE: 'x',
};

/** Like npx, without npm's 1 s delay. */
const NPX = `#!/bin/sh
while [ "\${1#--}" != "$1" ]; do shift; done
exec "$@"
`;

function writeProgram(name: string, text: string) {
  writeFileSync(join(programs, name), text);
  chmodSync(join(programs, name), 0o755);
}
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
  for (const name of ['results', 'bin', 'state', 'cache', 'scenarios', 'cache/kmem-run/kernels/6.6-mine'])
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
  cpSync(join(bin, '../../scenarios/httpd.yaml'), join(folder, 'scenarios/httpd-mine.yaml'));
  writeFileSync(join(folder, 'cache/kmem-run/kernels/6.6-mine/kernel.json'), '{}');
  writeProgram('kmem-run', `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  writeProgram('npx', NPX);
  process.env.XDG_STATE_HOME = env.XDG_STATE_HOME;
  const store = openStore(null);
  store.saveRun({ result: result({ id: 'aaaabbbbcccc' }), experimentId: null, label: 'before' });
  store.close();
});

test.after.always('remove them', () => rmSync(folder, { recursive: true, force: true }));

// compopt works only in a completion that a key has started.
const ASK = `compopt() { :; }; source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kmem_run
  printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What bash offers for the last word. */
function offered(words: readonly string[], start = ASK, program = ['kmem-run']): string[] {
  const given = ['-c', start, 'bash', scripts.get('bash') ?? '', ...program, ...words];
  const { stdout, stderr } = spawnSync('bash', given, { cwd: folder, encoding: 'utf8', env });
  return [...stdout.split('\n').filter((line) => line !== ''), ...(stderr === '' ? [] : [stderr])];
}

const LINES: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['sw'], ['sweep']],
  [['--enf'], ['--enforce']],
  [
    ['--enforce', ''],
    ['auto', 'gate', 'kernel', 'native', 'none'],
  ],
  [['--enforce', '=', 'g'], ['gate']],
  [
    ['--enforce', '='],
    ['auto', 'gate', 'kernel', 'native', 'none'],
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
    ['json', 'csv', 'folded', 'pprof'],
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
  [['--kernel', '6.6'], ['6.6-mine']],
  [
    ['kernel', 'add', ''],
    ['5.10', '6.1', '6.12'],
  ],
  [['kernel', 'remove', ''], ['6.6-mine']],
  [['kernel', 'list', ''], []],
  [['scenario', 'run', 'httpd-m'], ['httpd-mine']],
  [['scenario', 'run', '--tag', ''], []],
  [['sweep', '--scenario', 'httpd-m'], ['httpd-mine']],
  [
    ['show', ''],
    ['aaaabbbbcccc', 'before'],
  ],
  [['compare', 'before', 'aa'], ['aaaabbbbcccc']],
  [['--label', ''], ['before']],
  [['replay', 'aaa'], ['aaaabbbbcccc']],
  [['history', '--outcome', 'pa'], ['passed']],
  [['help', 'swe'], ['sweep']],
  [['merge', '--format', 'ju'], ['junit']],
];

for (const [words, wanted] of LINES) {
  test(`bash: kmem-run ${words.join(' ')}|`, (t) => {
    for (const program of [['kmem-run'], ['npx', 'kmem-run']])
      t.deepEqual([...new Set(offered(words, ASK, program))].toSorted(), [...wanted].toSorted());
  });
}

test('bash: npx’s own arguments are not completed', (t) => {
  t.deepEqual(offered(['oth', ''], ASK, ['npx']), []);
  t.deepEqual(offered(['kmem-r'], ASK, ['npx']), []);
});

test('bash: after -- the command’s own completion is used if bash-completion is loaded', (t) => {
  const asking = `_command_offset() { COMPREPLY=("offset $1"); }; ${ASK}`;
  t.deepEqual(offered(['--kmem', '1M', '--', 'git', 'che'], asking), ['offset 4']);
});

test('bash: Tab completes in an interactive shell', (t) => {
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
  test(`${shell}: the script parses`, (t) => {
    if (!needs(t, has(shell), shell)) return;
    const { status, stderr } = spawnSync(shell, [...check, scripts.get(shell) ?? ''], {
      ...{ encoding: 'utf8', env },
    });
    t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });
}

const ANSWERS = [
  ['sw', ['sweep']],
  ['--enforce ', ['auto', 'gate', 'kernel', 'native', 'none']],
  ['sweep --rep', ['--repeat']],
  ['kernel ', ['add', 'list', 'remove', 'verify']],
  ['kernel remove ', ['6.6-mine']],
  ['--kernel 6', ['6.6-mine']],
  ['scenario run httpd-m', ['httpd-mine']],
  ['show ', ['aaaabbbbcccc', 'before']],
  ['--label bef', ['before']],
  ['-- cat result-', ['result-two.json']],
] as const;

test('fish: the answers are the same, with npx too', (t) => {
  if (!needs(t, has('fish'), 'fish')) return;
  const lines = ['kmem-run', 'npx kmem-run'].flatMap((program) => ANSWERS.map(([line]) => `${program} ${line}`));
  const asked = `source ${scripts.get('fish')}; for line in $argv; complete -C $line; echo .; end`;
  const { stdout, stderr } = spawnSync('fish', ['-c', asked, ...lines], { encoding: 'utf8', cwd: folder, env });
  t.is(stderr, '');
  const answers = stdout.split('.\n').map((text) => text.split('\n').map((line) => line.split('\t')[0]));
  for (const [index, line] of lines.entries()) {
    const [, wanted] = ANSWERS[index % ANSWERS.length] ?? [];
    t.deepEqual(
      (answers[index] ?? []).filter((answer) => answer !== ''),
      [...(wanted ?? [])],
      line,
    );
  }
});

/** Presses the key after each line and prints the resulting line. */
const ZSH = `cd "$1"; fpath=("$2" $fpath); shift 2; zmodload zsh/zpty
for line; do
  zpty shell zsh -f -i
  zpty -w shell "fpath=($fpath); autoload -Uz compinit; compinit -u -D
    shown() { print -r -- \\"<<\\$BUFFER>>\\"; exit }; zle -N shown; bindkey '^X' shown; print rea''dy"
  zpty -r -m shell seen '*ready*'
  zpty -w -n shell "$line"$'\\t'$'\\x18'
  zpty -r -m shell seen '*<<*>>*'
  print -r -- "$line|\${\${seen##*<<}%%>>*}"
  zpty -d shell
done`;

test('zsh: Tab completes a unique match, after npx too', (t) => {
  if (!needs(t, has('zsh'), 'zsh')) return;
  const functions = join(folder, 'functions');
  mkdirSync(functions);
  cpSync(scripts.get('zsh') ?? '', join(functions, '_kmem-run'));
  const single = ANSWERS.filter(([, wanted]) => wanted.length === 1);
  const lines = [...single, ...single.slice(0, 3)].map(
    ([line], index) => `${index < single.length ? '' : 'npx '}kmem-run ${line}`,
  );
  const { stdout } = spawnSync('zsh', ['-fc', ZSH, 'zsh', folder, functions, ...lines], { encoding: 'utf8', env });
  const shown = new Map(stdout.split('\n').map((line) => line.split('|') as [string, string]));
  for (const [index, line] of lines.entries()) {
    const [, wanted = ['']] = single[index % single.length] ?? [];
    t.is(shown.get(line)?.replace(/[= ]+$/, ''), line.replace(/\S*$/, wanted[0] ?? ''), stdout);
  }
});

test('every option offered for a command is accepted by it', async (t) => {
  const pages = (await readManual()).filter(({ options, actions }) => options.length > 0 && actions === undefined);
  t.true(pages.length > 5);
  for (const { name, options } of pages) {
    const given = options.map(({ name, takes }) => (takes === null ? `--${name}` : `--${name}=x`));
    const { status, stderr } = spawnSync(process.execPath, [bin, name, ...given, '--help'], { encoding: 'utf8' });
    t.is(status, 0, stderr);
  }
});

test('a missing or unsupported shell and an extra argument are rejected', async (t) => {
  const { run } = makeHarness(t);
  const refused = (...args: string[]) => run(['completion', ...args], { json: false });
  assertRefused(t, await refused(), /completion requires a shell/);
  assertRefused(t, await refused('fisch'), /unsupported shell: "fisch"/);
  assertRefused(t, await refused('bash', 'zsh'), /unexpected argument: "zsh"/);
});
