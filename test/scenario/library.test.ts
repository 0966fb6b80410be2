/**
 * The scenarios that come with kmem-run pass on real software, and fail when the server in them is broken on purpose.
 */

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import type { ScenariosReport } from '../../src/scenario/report.ts';
import { makeHarness } from '../harness.ts';
import { needs, slowness } from '../needs.ts';

const test = anyTest.serial;
const library = join(import.meta.dirname, '..', '..', 'scenarios');
const names = readdirSync(library).flatMap((file) => (file.endsWith('.yaml') ? [file.replace('.yaml', '')] : []));

/** Milliseconds: the whole library in parallel takes a fifth of that. */
const TIMEOUT = 300_000 * slowness;

type Break = Readonly<{
  /** What is then wrong with the server. */
  what: string;
  from: string;
  to: string;
  /** What the report must contain. */
  because: RegExp;
}>;

const breaks: Readonly<Record<string, Break>> = {
  'fork-loop': {
    what: 'it starts too few to hurt',
    from: '$i -lt 100',
    to: '$i -lt 5',
    because: /a loop whose jobs stay: exit!=0: it is 0/,
  },
  httpd: {
    what: 'it serves another page',
    from: "echo 'it works'",
    to: "echo 'out of order'",
    because: /a page: body~\/it works\/: it is "out of order/,
  },
  nginx: {
    what: 'it refuses all requests',
    from: 'root ${dir}/www;',
    to: 'return 503;',
    because: /a page at last: status==200: it is 503/,
  },
  'node-http': {
    what: 'nobody starts it again',
    from: 'sleep 0.3',
    to: 'exit',
    because: /a page from the next one: no answer: ECONNREFUSED/,
  },
  postgresql: {
    what: 'the table does not survive a crash',
    from: 'create table',
    to: 'create unlogged table',
    because: /what was committed is there: stdout~.*: it is "0\|\|\\n"/,
  },
  'python-http': {
    what: 'it ends when it cannot start a thread',
    from: 'import traceback',
    to: 'http.server.ThreadingHTTPServer.handle_error = lambda *_: sys.exit("lost")',
    because: /a page again: no answer: ECONNREFUSED/,
  },
  redis: {
    what: 'it takes writes that it cannot save',
    from: 'stop-writes-on-bgsave-error yes',
    to: 'stop-writes-on-bgsave-error no',
    because: /a write: stdout~\/\^MISCONF\/: it is "OK/,
  },
  squeeze: {
    what: 'it keeps its page, and opens nothing for it',
    from: 'protocol_version = "HTTP/1.1"',
    to: `protocol_version = "HTTP/1.1"
      def do_GET(self):
          self.send_response(200)
          self.send_header("Content-Length", 8)
          self.end_headers()
          self.wfile.write(b"it works")`,
    because: /client: stdout~.*squeezed 404.*: it is "connected/,
  },
  sshd: {
    what: 'it knows nobody',
    from: 'cp key.pub authorized',
    to: 'touch authorized',
    because: /steps\[1\]\.exit==0: it is 255/,
  },
};

/** Runs kmem-run scenario run in a folder of the test's own with copies of these. */
function bench(t: ExecutionContext, files: Readonly<Record<string, string>> = {}) {
  const harness = makeHarness(t);
  const folder = harness.path('project');
  mkdirSync(join(folder, 'scenarios'), { recursive: true });
  cpSync(join(library, 'programs'), join(folder, 'scenarios', 'programs'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'scenarios', `${name}.yaml`), text);
  // Not below the harness's folder, which is writable by everyone.
  const state = mkdtempSync(join(tmpdir(), 'kmem-run-state-'));
  t.teardown(() => rmSync(state, { recursive: true, force: true }));
  const start = { json: false, cwd: folder, env: { XDG_STATE_HOME: state }, timeout: TIMEOUT };
  // In CI a missing program fails the test.
  const strictness = process.env.CI ? ['--strict'] : [];
  return {
    harness,
    folder,
    run: (...words: string[]) => harness.run(['scenario', 'run', ...words, ...strictness], start),
  };
}

test('all scenarios pass in parallel and leave nothing behind', async (t) => {
  const { harness, folder, run } = bench(t);
  const ran = await run('--library', '--jobs', '2', '--format', 'json', '--output', 'report');
  const { scenarios } = JSON.parse(readFileSync(join(folder, 'report'), 'utf8')) as ScenariosReport;
  const unlucky = scenarios.filter(({ status }) => status !== 'passed' && status !== 'skipped');
  for (const { name, output } of unlucky) t.log(name, output);
  t.deepEqual(
    unlucky.map(({ name, reasons }) => ({ name, reasons })),
    [],
  );
  t.is(ran.status, 0, ran.stderr);
  t.deepEqual(scenarios.map(({ name }) => name).toSorted(), names.toSorted());
  for (const { name, status, reasons } of scenarios) if (status === 'skipped') t.log(`${name}: ${reasons.join(', ')}`);
  harness.assertNothingLeft();
});

test('each scenario has a one-sentence summary line and a list of needs', (t) => {
  for (const name of names) {
    const text = readFileSync(join(library, `${name}.yaml`), 'utf8');
    const [, title = ''] = /^description: \|\n {2}(.*)\n {2}\S/m.exec(text) ?? [];
    t.regex(title, /^\S.{40,180}\.$/, name);
    t.regex(text, /^needs:\n/m, name);
  }
});

test('each scenario that is not about one kind of kernel object has a break', (t) => {
  const servers = names.filter(
    (name) => !/^tags: .*\bobjects\b/m.test(readFileSync(join(library, `${name}.yaml`), 'utf8')),
  );
  t.deepEqual(servers.toSorted(), Object.keys(breaks).toSorted());
});

for (const [name, { what, from, to, because }] of Object.entries(breaks)) {
  test(`${name} fails if ${what}`, async (t) => {
    const whole = readFileSync(join(library, `${name}.yaml`), 'utf8');
    t.true(whole.includes(from));
    const { harness, run } = bench(t, { broken: whole.replace(from, to) });
    const ran = await run('broken');
    if (!needs(t, !ran.stdout.startsWith('- broken'), ran.stdout)) return;
    t.is(ran.status, 1, ran.stdout + ran.stderr);
    t.regex(ran.stdout, because);
    harness.assertNothingLeft();
  });
}
