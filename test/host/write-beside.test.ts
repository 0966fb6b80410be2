import { writeFileSync } from 'node:fs';
import test from 'ava';
import { makeHarness } from '../harness.ts';

for (const [what, args] of Object.entries({
  scenarios: ['scenario', 'run', 'one.yaml', '--format', 'json', '--output', '/dev/full'],
  replay: ['replay', 'first', '--store', 'store.sqlite', '--quiet', '--json', '/dev/full'],
})) {
  test.serial(`a report not saved elsewhere is written to a fallback file: ${what}`, async (t) => {
    const harness = makeHarness(t);
    writeFileSync(harness.path('one.yaml'), 'description: One run.\nsteps:\n  - run: ["true"]\n');
    const first = ['--quiet', '--kmem', '4M', '--store', 'store.sqlite', '--label', 'first', '--', 'true'];
    t.is((await harness.run(first)).status, 0);
    const { status, stderr } = await harness.run(args, { json: false });
    t.is(status, 125);
    const name = /no space left on device; the result is in "[^"\n]+\/(kmem-run-[0-9a-f]+\.json)" instead\n/.exec(
      stderr,
    )?.[1];
    t.is(JSON.parse(harness.read(name ?? '')).kind, what, stderr);
    harness.assertNothingLeft();
  });
}
