/**
 * Arguments, variables and folders that are not UTF-8. A test cannot start programs with them, so sh makes them from
 * octal.
 */

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import anyTest from 'ava';
import fc from 'fast-check';
import { bytesOf } from '../../src/text/bytes.ts';
import { type Harness, makeHarness } from '../harness.ts';

const test = anyTest.serial;

/** For `under`: runs the line first, with kmem-run's arguments as "$@". */
function after(line: string): string[] {
  return ['/bin/sh', '-c', `${line}; exec "$@"`, 'sh'];
}

const octal = (bytes: Uint8Array) => [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

function latin1(harness: Harness, name: string): string {
  return readFileSync(harness.path(name), 'latin1');
}

test('arguments of any bytes reach the command and the result, and are replayed', async (t) => {
  const harness = makeHarness(t);
  const { run, assertNothingLeft } = harness;
  const one = fc.uint8Array({ min: 1, minLength: 1, maxLength: 20 });
  const words = [...fc.sample(one, 100), Buffer.from('caf\xe9\xff'.concat('%41'), 'latin1')].map((word) =>
    Buffer.from(word),
  );
  // $(…) would strip trailing line ends.
  const added = words.map((word) => `"$(printf '${octal(word)}.')"`).join(' ');
  const dotted = Buffer.concat(words.flatMap((word) => [word, Buffer.from('.\0')]));
  const program = ['--', '/bin/sh', '-c', 'printf "%s\\0" "$@" > out', 'sh'];
  const { status, stderr, result } = await run(program, { under: after(`set -- "$@" ${added}`) });
  t.is(status, 0, stderr);
  t.is(latin1(harness, 'out'), dotted.toString('latin1'));
  t.deepEqual(
    result?.spec.command.slice(4).map(bytesOf),
    words.map((word) => Buffer.concat([word, Buffer.from('.')])),
  );

  const token = (await run(['replay', '--token', './result-1.json'], { json: false })).stdout.trim();
  for (const recorded of ['./result-1.json', token]) {
    rmSync(harness.path('out'));
    const replayed = await run(['replay', recorded], { json: false });
    t.is(replayed.status, 0, replayed.stderr);
    t.is(latin1(harness, 'out'), dotted.toString('latin1'));
  }
  assertNothingLeft();
});

test('variables of any bytes are inherited, copied and set, also outside the group', async (t) => {
  const harness = makeHarness(t);
  const { run, assertNothingLeft } = harness;
  // A shell does not pass on variables with invalid names.
  const show = 'printf "%s %s|" "$ODD" "$GIVEN"; tr "\\0" "\\n" < /proc/$$/environ | grep -a ^NAME';
  const inherited = `export ODD="$(printf 'o\\377%%41')"`;
  const named = `set -- env "$(printf 'NAME\\351=n')" "$@" --env "$(printf 'GIVEN=g\\376')" -- /bin/sh -c '${show}'`;
  const options = ['--env', 'ODD', '--output', 'out', '--then', show, '--client', show];
  const { status, stderr, result } = await run(options, { under: after(`${inherited}; ${named}`) });
  t.is(status, 0, stderr);
  t.is(latin1(harness, 'out'), 'o\xff%41 g\xfe|NAME\xe9=n\n'.repeat(3));
  t.deepEqual(result?.spec.env, { ODD: 'o\udcff%41', GIVEN: 'g\udcfe' });
  assertNothingLeft();
});

test('the command runs in a non-UTF-8 working directory, and files are written and read there', async (t) => {
  const harness = makeHarness(t);
  const { run, path, assertNothingLeft } = harness;
  const folder = bytesOf(path('d\udcffr'));
  mkdirSync(folder);
  const within = after(`cd "$(printf 'd\\377r')"`);
  const written = ['--json', 'kept.json', '--output', 'out', '--store', 'kept.db', '--client', 'pwd'];
  const { status, stderr } = await run([...written, '--', '/bin/sh', '-c', 'pwd; ls -id .'], {
    under: within,
    json: false,
  });
  t.is(status, 0, stderr);
  const shown = folder.toString('latin1');
  const file = (name: string) => Buffer.concat([folder, Buffer.from(`/${name}`)]);
  t.is(readFileSync(file('out'), 'latin1'), `${shown}\n${statSync(folder).ino} .\n${shown}\n`);
  t.is(JSON.parse(readFileSync(file('kept.json'), 'utf8')).spec.cwd, path('d\udcffr'));
  for (const command of [
    ['replay', './kept.json'],
    ['show', '@', '--store', 'kept.db'],
    ['report', './kept.json', '--html', 'page.html'],
  ])
    t.is((await run(command, { under: within, json: false })).status, 0, command.join(' '));
  const plan = 'description: x\nsteps:\n  - run: "true"\n';
  writeFileSync(file('s.yaml'), plan);
  t.is((await run(['scenario', 'run', './s.yaml'], { under: within, json: false })).status, 0);
  assertNothingLeft();
});

test('a non-UTF-8 program name works in --cwd, and a missing program is named', async (t) => {
  const harness = makeHarness(t);
  const { run, path, assertNothingLeft } = harness;
  mkdirSync(bytesOf(path('d\udcff')));
  writeFileSync(bytesOf(path('d\udcff/p\udcfe')), '#!/bin/sh\necho "ran in $PWD"\n', { mode: 0o755 });
  const started = after(`set -- "$@" --cwd "$(printf 'd\\377')" -- "$(printf './p\\376')"`);
  const ran = await run(['--expect', 'exit==0', '--output', 'out'], { under: started });
  t.is(ran.status, 0, ran.stderr);
  t.is(latin1(harness, 'out'), `ran in ${path('d\xff')}\n`);
  const absent = await run([], { under: after(`set -- "$@" -- "$(printf './n\\375')"`) });
  t.is(absent.status, 127);
  t.regex(absent.stderr, /^kmem-run: command not found: \.\/n\\xfd\n/);
  assertNothingLeft();
});

test('expectations and scenario files can name bytes', async (t) => {
  const harness = makeHarness(t);
  const { run, path, assertNothingLeft } = harness;
  const expecting = after(`set -- "$@" --expect "$(printf 'stdout==caf\\351')" -- printf 'caf\\351'`);
  const ran = await run([], { under: expecting });
  t.is(ran.status, 0, ran.stderr);
  t.like(ran.result?.expectations[0], { passed: true, actual: 'caf\udce9' });
  // YAML is UTF-8, and has the same escape in double quotes.
  const steps = `steps:\n  - run: [sh, -c, 'printf "%s" "$1" > ../bytes', sh, "caf\\uDCE9"]\n`;
  writeFileSync(path('s.yaml'), `description: x\n${steps.replace('../bytes', path('bytes'))}`);
  const held = await run(['scenario', 'run', './s.yaml'], { json: false });
  t.is(held.status, 0, held.stdout);
  t.is(latin1(harness, 'bytes'), 'caf\xe9');
  assertNothingLeft();
});

test('half a character stands for no byte and is rejected', async (t) => {
  const harness = makeHarness(t);
  writeFileSync(harness.path('s.yaml'), 'description: x\nsteps:\n  - run: [echo, "\\uD800"]\n');
  const { status, stdout } = await harness.run(['scenario', 'run', './s.yaml'], { json: false });
  t.is(status, 125);
  t.regex(stdout, /incomplete characters/);
});
