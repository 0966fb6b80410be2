/** What is compared in a result, and what must be equal for that to be meaningful. */

import test from 'ava';
import { normaliseSpec, type PlanInput, type RunInput } from '../../src/request/normalise.ts';
import { factsOf } from '../../src/statistics/recorded.ts';
import { sampleOfResult } from '../../src/statistics/sample.ts';
import { result } from '../fixtures/results.ts';

function circumstancesOf(input: RunInput | PlanInput) {
  return sampleOfResult({ ...result(), spec: normaliseSpec(input) }).circumstances;
}

test('the wait rule is reported, since it decides what is measured', (t) => {
  for (const wait of ['quiet', 'exit', 'empty'] as const) t.is(circumstancesOf({ command: ['true'], wait }).wait, wait);
  // It follows from the request, which a replay repeats.
  t.false('wait' in factsOf(result()).circumstances);
});

test('a command and its steps are listed', (t) => {
  t.like(circumstancesOf({ command: ['apachectl', 'start'] }), { command: 'apachectl start', steps: 'none' });
  t.like(circumstancesOf({ command: ['a'], then: ['b c', 'd'] }), { command: 'a', steps: 'b c; d' });
});

test('a server and its clients are shown as written', (t) => {
  const asked: RunInput = {
    command: ['node', 'server.js', '${port}'],
    ...{ ready: 'tcp:${port}', then: [{ client: 'curl :${port}' }, 'ls'], stop: 'ctl stop' },
  };
  t.like(circumstancesOf(asked), {
    command: "node server.js '${port}' &",
    steps: "node server.js '${port}' &; client: curl :${port}; ls; ctl stop",
  });
});

test('plan steps that run no program are listed', (t) => {
  const plan = [
    { run: 'touch x', outside: true },
    { name: 'it', run: ['serve', 'a b'], background: true },
    { http: 'http://127.0.0.1:80/' },
    { signal: 'HUP' },
    { wait: { empty: true } },
  ];
  const template = { here: null, setUp: [], cleanUp: [] };
  t.like(circumstancesOf({ plan, template }), {
    command: "serve 'a b' &",
    steps: `client: touch x; serve 'a b' &; http http://127.0.0.1:80/; signal HUP; wait {"empty":true}`,
  });
  // Without a template only what one run did is known.
  const { command, steps } = circumstancesOf({ plan });
  t.is(command, "serve 'a b' &");
  t.regex(steps ?? '', /^client: touch x; serve 'a b' &; http \{.*"url":"http:\/\/127.0.0.1:80\/".*\}; signal \{/);
});
