import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { canActAsOthers, where } from '../needs.ts';
import { makeFolder } from './folder.ts';

const testAsRoot = where(canActAsOthers, 'root', test);

/** A disk of 256 KiB at ./disk. Its contents are copied to ./after, since it disappears with the script. */
const TINY = `
mkdir disk
mount -t tmpfs -o size=256k none disk
set +e
"$@"
status=$?
cp -r disk after
exit $status
`;

const SAVER = `
  import { writeFileSync } from 'node:fs';
  import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)};
  import { keepBeside } from ${JSON.stringify(new URL('../../src/store/keep.ts', import.meta.url).href)};
  import { result } from ${JSON.stringify(new URL('../fixtures/results.ts', import.meta.url).href)};
  const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
  const saved = [];`;

const fill = `writeFileSync('disk/filler', Buffer.alloc(64 * 4096), { flag: 'a' })`;

/** Each line that `script` prints. */
function onTinyDisk(t: ExecutionContext, script: string) {
  const folder = makeFolder(t);
  const words = [process.execPath, '--input-type=module', '-e', SAVER + script];
  const ran = spawnSync('unshare', ['-m', 'sh', '-ec', TINY, 'sh', ...words], { cwd: folder, encoding: 'utf8' });
  t.is(ran.stderr, '');
  return {
    folder,
    said: ran.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

testAsRoot('on a full disk, the failed save is reported, earlier ones stay, and the result is saved elsewhere', (t) => {
  const { folder, said } = onTinyDisk(
    t,
    `
    const store = openStore('disk/store.sqlite');
    for (let index = 0; ; index++) {
      const made = result({ id: 'run' + index });
      try {
        saved.push(store.saveRun({ result: made, experimentId: null }));
      } catch (error) {
        const { file, error: told } = keepBeside(made, error);
        say({ saved: saved.length, code: error.code, hint: error.hint, file, told: told.message });
        break;
      }
    }
    say({ listed: store.list({}).map(({ id }) => id).toReversed(), saved });
    store.close();`,
  );
  const [failed, after] = said;
  t.true(failed.saved > 3);
  t.is(failed.code, 'store-full');
  t.regex(failed.hint, /^free some space there, or name a file on another disk: --store FILE$/);
  t.deepEqual(after.listed, after.saved);
  t.is(failed.file, join(folder, `kmem-run-run${failed.saved}.json`));
  t.is(JSON.parse(readFileSync(failed.file, 'utf8')).id, `run${failed.saved}`);
  t.regex(failed.told, /no space is left on its disk .*; the result is in ".*\.json" instead$/);
});

testAsRoot('once there is space again, the same store works', (t) => {
  const { said } = onTinyDisk(
    t,
    `
    import { rmSync } from 'node:fs';
    const store = openStore('disk/store.sqlite');
    store.saveRun({ result: result({ id: 'before' }), experimentId: null });
    try { ${fill}; } catch {}
    try {
      for (let index = 0; ; index++) store.saveRun({ result: result({ id: 'x' + index }), experimentId: null });
    } catch (error) { say(error.code); }
    rmSync('disk/filler');
    store.saveRun({ result: result({ id: 'after' }), experimentId: null });
    store.close();
    const again = openStore('disk/store.sqlite', 'read');
    say([again.run('before').result.id, again.run('after').result.id]);`,
  );
  t.deepEqual(said, ['store-full', ['before', 'after']]);
});

testAsRoot('creating a store on a full disk is an error, not a crash', (t) => {
  const { said } = onTinyDisk(
    t,
    `
    try { ${fill}; } catch {}
    try {
      const store = openStore('disk/store.sqlite');
      store.saveRun({ result: result(), experimentId: null });
      say('saved');
    } catch (error) { say([error.name, error.code, error.hint !== '']); }`,
  );
  const [[name, code, hint]] = said;
  t.is(name, 'SetupError');
  t.regex(code, /^store-(full|io|not-opened)$/);
  t.true(hint);
});

testAsRoot('if neither folder is writable, the result is handed back', (t) => {
  const { said } = onTinyDisk(
    t,
    `
    const full = new Error('why');
    process.chdir('disk');
    process.env.TMPDIR = process.cwd() + '/none';
    try { ${fill.replace('disk/', '')}; } catch {}
    const { file, error, json } = keepBeside(result(), full);
    say([file, error.message.replaceAll(process.cwd(), '.'), JSON.parse(json).id]);`,
  );
  t.deepEqual(said, [
    [
      null,
      'why; the result could not be written to "." (ENOSPC) or "./none" (ENOENT) either',
      '20250102-030405-abcdef',
    ],
  ]);
});

test('if the current folder fails, the temporary one is used, and no file is overwritten', (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'kmem-run-20250102-030405-abcdef.json'), 'mine');
  const temporary = makeFolder(t);
  const script = `${SAVER} say(keepBeside(result(), new Error('why')).file);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    env: { ...process.env, TMPDIR: temporary },
    encoding: 'utf8',
  });
  t.is(stderr, '');
  t.is(JSON.parse(stdout), join(temporary, 'kmem-run-20250102-030405-abcdef.json'));
  t.is(readFileSync(join(folder, 'kmem-run-20250102-030405-abcdef.json'), 'utf8'), 'mine');
  t.is(JSON.parse(readFileSync(JSON.parse(stdout), 'utf8')).schemaVersion, 1);
});
