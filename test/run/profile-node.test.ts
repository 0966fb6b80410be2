/** Functions that Node.js has compiled at run time have names in a profile, from the file that it writes for perf. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';
import { whyNoPrograms } from '../programs.ts';

const SOURCE = `
const { createServer } = require('node:net');
const { writeFileSync } = require('node:fs');
const kept = [];
function hoardServers(count) {
  for (let i = 0; i < count; i++) kept.push(createServer().listen(0));
}
hoardServers(100);
writeFileSync(process.argv[2], String(process.pid));
setTimeout(() => process.exit(0), 200);
`;

test('the function that keeps sockets is named', async (t) => {
  if (!needs(t, whyNoPrograms === null, `BPF programs: ${whyNoPrograms}`)) return;
  const harness = makeHarness(t);
  const script = join(harness.folder, 'hoard.js');
  const pidFile = join(harness.folder, 'pid');
  writeFileSync(script, SOURCE);
  const { result } = await harness.run([
    ...['--kmem', '64M', '--profile', '--', process.execPath],
    ...['--perf-basic-prof', '--interpreted-frames-native-stack', script, pidFile],
  ]);
  t.teardown(() => rmSync(`/tmp/perf-${harness.read('pid')}.map`, { force: true }));
  const profile = result?.profile ?? null;
  if (profile === null) return t.fail('no profile');
  const sockets = profile.rows.filter(
    ({ what, user }) =>
      what === 'socket' && user.some((index) => profile.frames[index]?.function?.includes('hoardServers')),
  );
  t.is(
    sockets.map(({ atPeak }) => atPeak.objects).reduce((sum, count) => sum + count, 0),
    100,
  );
  harness.assertNothingLeft();
});
