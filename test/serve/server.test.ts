import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { openStore } from '../../src/store/store.ts';
import { failure, HOSTILE_TEXT, hostile, result } from '../fixtures/results.ts';
import { assertRefused } from '../harness.ts';
import { experiment, makeFolder, saveRuns } from '../store/folder.ts';
import { ask, makeServed } from './served.ts';

function hashOf(file: string) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function assertGuarded(t: ExecutionContext, { headers }: Awaited<ReturnType<typeof ask>>): void {
  t.is(headers['referrer-policy'], 'no-referrer');
  t.is(headers['x-frame-options'], 'DENY');
  t.is(headers['x-content-type-options'], 'nosniff');
  t.is(headers['cache-control'], 'no-store');
  t.is(headers['cross-origin-resource-policy'], 'same-origin');
  t.regex(String(headers['content-security-policy']), /frame-ancestors 'none'/);
  t.is(headers['access-control-allow-origin'], undefined);
}

test.serial('only answers read requests with the token under its own host name', async (t) => {
  const { fill, serve } = makeServed(t);
  fill((store) => saveRuns(store, 'a1'));
  const { url } = await serve();
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
  const { origin, host, port } = new URL(url);

  const list = await ask(url);
  t.is(list.status, 200);
  t.regex(list.body, /href="run\/a1"/);
  assertGuarded(t, list);
  const head = await ask(url, {}, 'HEAD');
  t.deepEqual(
    [head.status, head.body, head.headers['content-length']],
    [200, '', String(list.headers['content-length'])],
  );
  const bare = await ask(url.slice(0, -1));
  t.deepEqual([bare.status, bare.headers.location], [308, new URL(url).pathname]);
  t.is((await ask(url, { host: `localhost:${port}` })).status, 200);

  const refused = async (status: number, ...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked);
    t.is(answer.status, status, JSON.stringify(asked));
    t.notRegex(answer.body, /a1|apachectl/);
    assertGuarded(t, answer);
    return answer;
  };
  await refused(403, `${origin}/`);
  await refused(403, `${origin}/run/a1`);
  await refused(403, `${url.slice(0, -2)}${url.at(-2) === 'x' ? 'y' : 'x'}/`);
  await refused(403, `${origin}/?token=${url.split('/')[3]}`);
  await refused(421, url, { host: 'evil.example' });
  await refused(421, url, { host: `evil.example:${port}` });
  await refused(403, url, { origin: 'http://evil.example' });
  await refused(403, url, { host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' });
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    t.is((await refused(405, url, {}, method)).headers.allow, 'GET, HEAD');
  }
});

test.serial('listens on 127.0.0.1 and nowhere else', async (t) => {
  const { fill, serve } = makeServed(t);
  fill((store) => saveRuns(store, 'a1'));
  const { url } = await serve();
  const other = connect(Number(new URL(url).port), '127.0.0.2');
  const outcome = await new Promise((resolve) => {
    other.once('connect', () => resolve('connected'));
    other.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  other.destroy();
  t.is(outcome, 'ECONNREFUSED');
});

test.serial('every page is served, and viewing pages changes nothing', async (t) => {
  const { fill, serve, file } = makeServed(t);
  fill((store) => {
    saveRuns(store, 'a1', 'a2');
    store.saveExperiment(experiment({ id: 'suite1', kind: 'scenario', status: 'done' }));
    store.saveRun({ result: result({ id: 's1', failures: [failure()] }), experimentId: 'suite1' });
  });
  const before = hashOf(file);
  const { url } = await serve();
  const pages: readonly (readonly [string, number, RegExp])[] = [
    ['', 200, /href="experiment\/suite1"/],
    ['?kind=run&sort=peak&way=up', 200, /href="run\/a2"/],
    ['?experiment=suite1', 200, /href="run\/s1"/],
    ['?text=nothing%20of%20the%20kind', 200, /No saved results match/],
    ['?with=a1', 200, /href="compare\?a=a1&amp;b=a2"/],
    ['run/a1', 200, /apachectl start/],
    ['run/s1', 200, /href="\.\.\/experiment\/suite1"/],
    ['experiment/suite1', 200, /Its 1 run</],
    ['compare?a=a1&b=a2', 200, /the same/],
    ['compare?a=a1&b=suite1', 200, /compare: a1 and suite1/],
    ['run/zz', 404, /no saved result is called &quot;zz&quot;/],
    ['experiment/zz', 404, /Hint: /],
    ['no/such/page', 404, /no such page/],
    ['../run/a1', 403, /token/],
    ['?outcome=fine', 400, /outcome: &quot;fine&quot;/],
    ['?page=0', 400, /page/],
    ['compare?a=a1', 400, /a comparison requires two results/],
    ['compare?a=a1&b=/etc/passwd', 404, /no saved result/],
  ];
  for (const [path, status, content] of pages) {
    const { pathname, origin } = new URL(url);
    const answer = path.startsWith('..') ? await ask(`${origin}/run/a1`) : await ask(origin + pathname + path);
    t.is(answer.status, status, `${path}: ${answer.body.slice(0, 300)}`);
    // A whole page would fill the report of a failing test.
    t.true(content.test(answer.body), path);
    assertGuarded(t, answer);
  }
  t.is(hashOf(file), before);
});

test.serial('Ctrl-C and SIGTERM end it with status 0 even with a browser connected', async (t) => {
  const { fill, serve } = makeServed(t);
  fill((store) => saveRuns(store, 'a1'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { url, running } = await serve();
    const kept: Socket = connect(Number(new URL(url).port), '127.0.0.1');
    kept.on('error', () => {});
    await new Promise((resolve) => kept.once('connect', resolve));
    await fetch(url);
    running.signal(signal);
    const { status, stderr } = await running.ended;
    t.is(status, 0);
    t.regex(stderr, /^kmem-run: \S+store\.db is served at this address; press Ctrl-C to stop\n$/);
    kept.destroy();
  }
});

test.serial('--port sets the port; a used or invalid one is an error', async (t) => {
  const { fill, serve, run, file } = makeServed(t);
  fill((store) => saveRuns(store, 'a1'));
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()));
  const { port } = other.address() as { port: number };
  const taken = await run(['serve', '--store', file, '--port', String(port)], { json: false });
  t.is(taken.status, 125);
  assertRefused(t, taken, new RegExp(`port ${port} is in use`));
  await new Promise((resolve) => other.close(resolve));
  const { url } = await serve(['--port', String(port)]);
  t.is(new URL(url).port, String(port));
  for (const odd of ['0', '65536', '-1', '80x', '']) {
    const ran = await run(['serve', '--store', file, `--port=${odd}`], { json: false });
    t.is(ran.status, 125);
    assertRefused(t, ran, /--port: .* is not a port/);
  }
});

test.serial('a missing or invalid store is reported before the server listens', async (t) => {
  const { run, path } = makeServed(t);
  writeFileSync(path('text'), 'no store at all, and long enough to be read as one '.repeat(100));
  const refused = async (reason: RegExp, args: string[], env = {}) => {
    const ran = await run(['serve', ...args], { json: false, env });
    t.deepEqual([ran.status, ran.stdout], [125, '']);
    assertRefused(t, ran, reason);
  };
  await refused(/no such store/, ['--store', path('absent')]);
  await refused(/no such store/, [], { XDG_STATE_HOME: makeFolder(t) });
  await refused(/is damaged or not a store/, ['--store', path('text')]);
  await refused(/unexpected argument "stray"/, ['stray']);
});

test.serial('newly saved runs are shown, even after the store file is replaced', async (t) => {
  const { fill, serve, file, path } = makeServed(t);
  fill((store) => saveRuns(store, 'a1'));
  const { url } = await serve();
  const stamp = async () => JSON.parse((await ask(`${url}changes`)).body).changes;
  const first = await stamp();
  t.is(await stamp(), first);
  fill((store) => store.saveRun({ result: result({ id: 'a2' }), experimentId: null }));
  const second = await stamp();
  t.not(second, first);
  t.regex((await ask(url)).body, /run\/a2/);
  const fresh = openStore(path('fresh.db'));
  saveRuns(fresh, 'b1');
  fresh.close();
  for (const end of ['', '-wal', '-shm']) {
    try {
      renameSync(`${file}${end}`, path(`old${end}`));
    } catch {}
  }
  renameSync(path('fresh.db'), file);
  t.not(await stamp(), second);
  const { body } = await ask(url);
  t.regex(body, /run\/b1/);
  t.notRegex(body, /run\/a1/);
});

test.serial('hostile names are shown as text everywhere', async (t) => {
  const { fill, serve } = makeServed(t);
  const markup = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`;
  fill((store) => {
    store.saveExperiment(experiment({ id: 'e1', kind: 'scenario', command: [markup] }));
    store.saveRun({ result: { ...hostile(), id: 'h1' }, experimentId: null, label: markup });
    store.saveRun({ result: result({ id: `h2${markup}`, spec: { command: [markup] } }), experimentId: null });
  });
  const { url } = await serve();
  const odd = encodeURIComponent(markup);
  const paths = [
    '',
    `?text=${odd}`,
    `?label=${odd}`,
    `?with=${odd}`,
    'run/h1',
    `run/h2${odd}`,
    `run/${odd}`,
    `compare?a=h1&b=h2${odd}`,
    `compare?a=${odd}&b=${odd}`,
    'experiment/e1',
  ];
  for (const path of paths) {
    const { body } = await ask(url + path);
    t.false(/<script>alert|<img/i.test(body), path);
    t.false(body.includes(HOSTILE_TEXT), path);
  }
});

test.serial('a damaged row yields an error page, and the server keeps running', async (t) => {
  const { file, fill, serve } = makeServed(t);
  fill((store) => {
    saveRuns(store, 'a1');
    for (const id of ['e1', 'e2', 'e3']) store.saveExperiment(experiment({ id }));
    store.saveRun({ result: result({ id: 'b1' }), experimentId: 'e1', point: 0, repeat: 0 });
  });
  const database = new DatabaseSync(file);
  database.exec(`UPDATE run SET result = json_remove(result, '$.kmem') WHERE id = 'b1';
    UPDATE experiment SET kind = 'odd' WHERE id = 'e2';
    UPDATE experiment SET command = '[' WHERE id = 'e3'`);
  database.close();
  const { url, running } = await serve();
  for (const damaged of ['run/b1', 'experiment/e1', 'experiment/e2', 'experiment/e3'])
    t.is((await ask(`${url}${damaged}`)).status, 500, damaged);
  const list = await ask(url);
  t.is(list.status, 200);
  for (const id of ['a1', 'e1', 'e2', 'e3']) t.true(list.body.includes(id), id);
  t.is((await ask(`${url}run/a1`)).status, 200);
  running.signal('SIGTERM');
  const { status, stderr } = await running.ended;
  t.is(status, 0);
  t.notRegex(stderr, /^\s+at |Error/m);
});
