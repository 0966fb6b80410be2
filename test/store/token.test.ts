import { deflateRawSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { normaliseSpec } from '../../src/request/normalise.ts';
import { inputOf, type PlanInput, type RunInput } from '../../src/request/run-input.ts';
import type { Result } from '../../src/result/schema.ts';
import { type Recorded, recordedOf } from '../../src/statistics/recorded.ts';
import { isToken, readToken, tokenOf } from '../../src/store/token.ts';
import { apacheStopFails, hostile, result, setupError, storm, unread } from '../fixtures/results.ts';

const results = {
  plain: result(),
  apache: apacheStopFails(),
  hostile: hostileCommand(),
  storm: storm(),
  unread: unread(),
};

/** The normalised input, whichever parts were given. */
function asked({ input }: Recorded) {
  return normaliseSpec({ ...input, cwd: '/', output: 'null' });
}

/** Half a surrogate pair is in no command: it represents no bytes. */
function hostileCommand(): Result {
  const kept = hostile();
  const [word = ''] = kept.spec.command;
  const text = word.replace('\ud800', '\udcff');
  return { ...kept, spec: { ...kept.spec, command: [text], env: { X: text } } };
}

for (const [name, kept] of Object.entries(results)) {
  test(`a run reads back from its token, with its outcome: ${name}`, (t) => {
    const recorded = recordedOf(kept, 'make clean');
    const { facts, input, ...rest } = readToken(tokenOf(recorded));
    t.deepEqual({ ...facts, circumstances: {} }, { ...recorded.facts, circumstances: {} });
    t.like(recorded.facts.circumstances, facts.circumstances);
    t.is(facts.circumstances.kernel, '6.18.5');
    t.is(rest.prepare, 'make clean');
    t.deepEqual(asked({ ...rest, facts, input }), asked(recorded));
  });
}

test('a token is a single short word', (t) => {
  const token = tokenOf(recordedOf(results.plain, null));
  t.true(isToken(token));
  t.regex(token, /^kr2\.[A-Za-z0-9_-]+$/);
  t.true(token.length < 500, `${token.length}`);
});

test('tokens stay readable in later versions', (t) => {
  const { input, facts, id } = readToken(TODAY);
  t.like(input, { command: ['sh', '-c', 'true & wait $!'], kmem: 151_552, cwd: '/tmp', wait: 'exit' });
  t.like(facts, { outcome: 'failed', ends: ['exit 2'], failcnt: 1, peak: 77_824, firstCall: 'sh: clone (ENOMEM)' });
  t.is(id, '32f48f5617eb');
});

const TODAY =
  'kr2.TZDBTsMwEER_JYwQAskJsZu0ZW8I9Vi4cAJxMM6mNU2cyNkAVdV_R0YcOO_ovZk9wTcgLExbrdt6qVf8DoVJbBRu7gUEU5plrnVuFs_lgkxJ1aowevkChTHyaCODwtx1Cj6Ms4BOcEPf29CAXjHtoZA7KEicObvKvqyX7PICbwruK6lvpR-hcOi5B-la17VRSCkQ-NsLzgqtdTIl8jCLG3oGobW-4wYKHJopmVI2M4nL3yM7seKHkC5vCq2PkzzYrgNh2lPmuiFwdr15fNputjdQvzQXBKQVRrYH0Gq1NpXCHBxHsT7IEVSmjR_s_pGdj27uJ7HB8W9DDu0QHfecaNhZ4TSOY-AkXxZ6XVRV3rr8s76roeB2cZhHEPbH9-ibv0_kcQ4glIUuSpzP5x8';

test('a token of 0.1.0 is refused as outdated, not as damaged', (t) => {
  t.true(isToken('kr1.abc'));
  t.throws(() => readToken('kr1.abc'), { code: 'old-token', message: /earlier version/ });
});

for (const wait of ['quiet', 'exit', 'empty'] as const) {
  test(`a token records when a run is over: ${wait}`, (t) => {
    const spec = normaliseSpec({ command: ['true'], cwd: '/', wait });
    const token = tokenOf(recordedOf({ ...results.plain, spec }, null));
    t.is(normaliseSpec(readToken(token).input).wait, wait);
  });
}

test('steps with per-run placeholders read back as written', (t) => {
  const spec = normaliseSpec({
    command: ['server', '${port}'],
    ...{
      cwd: '/',
      ready: 'tcp:${port}',
      then: [{ client: 'ask ${port}' }],
      env: { A: '${dir}' },
      expect: ['failcnt==0'],
    },
  });
  const written = { here: '/here', setUp: ['mkdir x'], cleanUp: [] };
  const plan: PlanInput = { ...(inputOf(spec) as PlanInput), template: written };
  const recorded = recordedOf({ ...results.plain, spec: normaliseSpec(plan) }, null);
  const { input } = readToken(tokenOf(recorded));
  t.deepEqual(normaliseSpec(input), normaliseSpec(plan));
  t.deepEqual(normaliseSpec(input).template, { ...normaliseSpec(plan).template, ...written });
});

test('a token without steps, or with two kinds of them, is invalid', (t) => {
  const recorded = recordedOf(results.plain, null);
  const { command: _, ...without } = recorded.input as RunInput;
  for (const input of [without, { ...recorded.input, plan: [{ run: 'true' }] }])
    t.throws(() => readToken(tokenOf({ ...recorded, input: input as RunInput })), { code: 'bad-token' });
});

test('an incomplete or altered token is refused', (t) => {
  const token = tokenOf(recordedOf(results.plain, null));
  const property = fc.property(fc.nat(token.length - 5), (length) => {
    t.throws(() => readToken(token.slice(0, 4 + length)), { code: 'bad-token' });
  });
  fc.assert(property);
  t.throws(() => readToken(`${token.slice(0, 20)} ${token.slice(20)}`), { code: 'bad-token' });
  t.throws(() => readToken(`kr2.${deflateRawSync('{"id":1}').toString('base64url')}`), { code: 'bad-token' });
  t.throws(() => readToken(`kr2.${deflateRawSync(Buffer.alloc(2 ** 26)).toString('base64url')}`), {
    code: 'bad-token',
  });
  t.false(isToken('31a4467ea2d1'));
});

test('a run that never started has a token too', (t) => {
  t.is(readToken(tokenOf(recordedOf(setupError(), null))).facts.outcome, 'setup-error');
});
