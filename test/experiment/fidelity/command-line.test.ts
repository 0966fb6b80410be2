import test from 'ava';
import { parseFidelityArgv } from '../../../src/commands/fidelity-options.ts';
import { rows } from '../../../src/experiment/fidelity/rows.ts';
import { assertRefused, makeHarness } from '../../harness.ts';

function parse(...words: readonly string[]) {
  const given = parseFidelityArgv(['fidelity', ...words]);
  if ('inside' in given) throw new Error('not a comparison');
  return given;
}

test('by default, compares all rows under three limits on 5.10 in a microVM, without a reserve', (t) => {
  const { request, kernels, json, markdown } = parse();
  t.like(request, { kind: 'rows', limits: [1 << 20, 2 << 20, 4 << 20], reserve: 0 });
  t.deepEqual(request.modes, ['native', 'gate']);
  t.deepEqual(request.kind === 'rows' ? request.rows : null, rows);
  t.deepEqual([kernels, json, markdown], [['5.10'], null, null]);
  t.is(parse('--here').kernels, null);
});

test('limits are sorted, and repeated limits or rows count once', (t) => {
  const { request } = parse('--limits', '2M,1M,1024K', '--row', 'pipe', '--row', 'pipe', '--reserve', '16K');
  t.like(request, { limits: [1 << 20, 2 << 20], reserve: 16384 });
  t.deepEqual(request.kind === 'rows' ? request.rows.map(({ name }) => name) : null, ['pipe']);
});

test('kernels and modes are lists', (t) => {
  const { request, kernels } = parse('--kernel', '5.10,6.1,5.10', '--mode', 'kernel,gate');
  t.deepEqual(kernels, ['5.10', '6.1']);
  t.deepEqual(request.modes, ['native', 'kernel', 'gate']);
});

test('a command is run unchanged, with a time limit', (t) => {
  const { request } = parse('--then', 'true', '--', 'sh', '-c', '--row');
  t.like(request, { kind: 'command', input: { command: ['sh', '-c', '--row'], timeout: '30s' } });
});

for (const [words, reason] of [
  [['--row', 'pip'], /--row: unknown row "pip"/],
  [['--mode', 'gates'], /--mode: unknown mode "gates"/],
  [['--mode', 'native'], /--mode: unknown mode "native"/],
  [['--limits', '1M,nonsense'], /--limits: "nonsense" is not a size/],
  [['--here', '--kernel', '5.10'], /--kernel cannot be combined with --here/],
  [['--then', 'true'], /--then cannot be combined with a comparison of rows/],
  [['--limits', '1M', '--', 'true'], /--limits cannot be combined with a command/],
  [['true'], /unexpected argument before --: "true"/],
  [['--'], /no command/],
  [['--expect', 'nonsense', '--', 'true'], /expect/],
  [['--rows', 'pipe'], /unknown option "--rows"/],
] as const) {
  test(`refused: fidelity ${words.join(' ')}`, async (t) => {
    const harness = makeHarness(t);
    const ran = await harness.run(['fidelity', ...words], { json: false });
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    harness.assertNothingLeft();
  });
}

test('a kernel that enforces no limit is rejected, and nothing is left behind', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['fidelity', '--here', '--row', 'pipe', '--limits', '1M'], { json: false });
  t.is(ran.status, 125);
  assertRefused(t, ran, /this kernel .*memory\.kmem\.limit_in_bytes/);
  harness.assertNothingLeft();
});
