/** The example in docs/reference/library.md is one of our tests, and catches what it claims to catch. */

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { makeHarness } from '../harness.ts';

const test = anyTest.serial;
const root = join(import.meta.dirname, '..', '..');
const budget = join(import.meta.dirname, 'budget');
const page = readFileSync(join(root, 'docs', 'reference', 'library.md'), 'utf8');

/** The code block that follows a file name. */
function blockOf(name: string) {
  return page
    .split(`\`${name}\`\n\n\`\`\``)[1]
    ?.split('\n```')[0]
    ?.replace(/^\w+\n/, '');
}

for (const name of ['server.js', 'budget.test.ts']) {
  test(`the page shows ${name} as tested`, (t) => {
    t.is(`${blockOf(name)}\n`, readFileSync(join(budget, name), 'utf8'));
  });
}

/** A user's project with the example in it, and the run of its test; `change` is applied to the server. */
function project(t: ExecutionContext, change: (server: string) => string) {
  const harness = makeHarness(t);
  const modules = harness.path('node_modules');
  mkdirSync(modules);
  symlinkSync(root, join(modules, 'kmem-run'));
  symlinkSync(join(root, 'node_modules', 'ava'), join(modules, 'ava'));
  cpSync(budget, harness.folder, { recursive: true });
  const ava = { extensions: ['ts'], workerThreads: false };
  writeFileSync(harness.path('package.json'), JSON.stringify({ type: 'module', ava }));
  writeFileSync(harness.path('server.js'), change(harness.read('server.js')));
  const words = [process.execPath, join(root, 'node_modules', '.bin', 'ava')];
  return { ...harness, test: () => harness.startProgram(words, { env: { NO_COLOR: '1' } }).ended };
}

test('the example passes in its own project', async (t) => {
  const { test, assertNothingLeft } = project(t, (server) => server);
  const { status, stdout, stderr } = await test();
  t.is(status, 0, stdout + stderr);
  t.regex(stdout, /1 test passed/);
  assertNothingLeft();
});

test('a server that keeps 40 sockets per request fails the test, and the call is named', async (t) => {
  const { test, assertNothingLeft } = project(t, (server) => {
    const leaky = server.replace(
      "response.end('hello\\n');",
      `response.end('hello\\n');
       for (let count = 0; count < 40; count++) kept.push(createSocket('udp4').bind());`,
    );
    return `import { createSocket } from 'node:dgram';\nconst kept = [];\n${leaky}`;
  });
  const { status, stdout } = await test();
  t.is(status, 1);
  t.regex(stdout, /calls that the budget was too small for/);
  t.regex(stdout, /errno: 'E\w+',\s+-\s+syscall: '(socket|bind|accept4?|epoll_ctl|mmap|munmap)'/);
  assertNothingLeft();
});
