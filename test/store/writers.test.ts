import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { openStore } from '../../src/store/store.ts';
import { makeFolder } from './folder.ts';

const ROWS = 300;

/** Saves ROWS runs, one at a time, as a sweep does; starts when it reads a line, so that all start at once. */
const WRITER = `
  import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)};
  import { result } from ${JSON.stringify(new URL('../fixtures/results.ts', import.meta.url).href)};
  const [, file, name] = process.argv;
  process.stdout.write('ready\\n');
  process.stdin.once('data', () => {
    process.stdin.destroy();
    const store = openStore(file);
    const experiment = { id: 'of-' + name, kind: 'sweep', command: ['true'], spec: null, seed: 1, startedAt: '', status: 'running' };
    store.saveExperiment(experiment);
    for (let index = 0; index < ${ROWS}; index++) {
      store.saveRun({ result: result({ id: name + '-' + index }), experimentId: experiment.id, point: index, repeat: 0 });
      if (index % 50 === 0) store.updateExperiment(experiment.id, { status: 'running', summary: { done: index } });
    }
    store.updateExperiment(experiment.id, { status: 'done', summary: null });
    store.close();
  });`;

async function startWriter(file: string, name: string): Promise<ChildProcessWithoutNullStreams> {
  const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, file, name]);
  await once(writer.stdout, 'data');
  return writer;
}

test('two concurrent writers and a reader of a new store lose nothing and do not fail', async (t) => {
  const file = join(makeFolder(t), 'store.sqlite');
  const names = ['a', 'b'];
  const writers = await Promise.all(names.map((name) => startWriter(file, name)));
  t.teardown(() => {
    for (const writer of writers) writer.kill('SIGKILL');
  });
  const ended = writers.map(async (writer) => {
    const [stderr, [status]] = await Promise.all([text(writer.stderr), once(writer, 'exit')]);
    return { status, stderr };
  });
  for (const writer of writers) writer.stdin.end('go\n');
  let done = false;
  const all = Promise.all(ended).finally(() => {
    done = true;
  });
  let most = 0;
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (!existsSync(file)) continue;
    const reader = openStore(file, 'read');
    const seen = reader.list({}).length;
    t.true(seen >= most);
    most = seen;
    reader.close();
  }
  t.deepEqual(await all, [
    { status: 0, stderr: '' },
    { status: 0, stderr: '' },
  ]);
  const store = openStore(file);
  for (const name of names) {
    t.like(store.experiment(`of-${name}`), { status: 'done', runs: ROWS });
    t.deepEqual(
      [...store.runsOf(`of-${name}`)].map(({ result, point }) => [result.id, point]),
      Array.from({ length: ROWS }, (_, index) => [`${name}-${index}`, index]),
    );
  }
  t.is(store.list({}).length, 2 * ROWS);
  store.close();
  for (const end of ['-wal', '-shm'])
    t.false(existsSync(`${file}${end}`), 'the log is folded back when all have closed it');
});
