/** The example at the start of README.md, as printed there. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bin, makeHarness } from '../harness.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
const [, installAndRun = ''] = /^```sh\n(.*?)^```$/ms.exec(page) ?? [];
const [, example = ''] = installAndRun.split('&&\nnpx kmem-run ');

test('the example of README.md is denied a socket, as the page shows', async (t) => {
  const harness = makeHarness(t);
  const words = ['sh', '-c', `exec "$0" "$1" ${example}`, process.execPath, bin];
  const { status, stdout, stderr } = await harness.startProgram(words).ended;
  t.is(status, 0, stderr);
  t.regex(stdout, /^\d+ sockets are open; the next one fails: Cannot allocate memory$/m);
  for (const line of [' perl: 1 × socket of AF_INET SOCK_STREAM (ENOMEM)\n', ' ✓ failcnt>0  (it is 1)\n'])
    t.true(page.includes(line) && stderr.includes(line), `${line}\n${stderr}`);
  harness.assertNothingLeft();
});
