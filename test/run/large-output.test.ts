import test from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';

const GIB = 1024 ** 3;

const MOST_MB = 90;

for (const [title, options] of [
  ['inherited', ['--kmem', '4M']],
  ['read by an expectation', ['--kmem', '4M', '--expect', 'stdout~/^x/']],
] as const) {
  test.serial(`with 1 GiB through stdout, the runner’s memory stays bounded: ${title}`, async (t) => {
    const harness = makeHarness(t);
    const counted = ['sh', '-c', '"$@" | wc -c > count', 'sh', compileFixture('peak-rss'), 'peak'];
    const line = `printf x; head -c ${GIB} /dev/zero`;
    const ran = await harness.run(['--quiet', ...options, '--', 'sh', '-c', line], { under: counted });
    t.is(ran.result?.outcome, 'passed', ran.stderr);
    t.is(Number(harness.read('count')), GIB + 1);
    const peakMB = (Number(harness.read('peak')) * 1024) / 1e6;
    t.log(`peak RSS ${peakMB.toFixed(1)} MB`);
    t.true(peakMB <= MOST_MB);
    harness.assertNothingLeft();
  });
}
