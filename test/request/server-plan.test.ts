import test from 'ava';
import { fillIn, normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import { refused } from './refusal.ts';

const command = ['node', 'server.js', '${port}'];
function wrong(input: object) {
  return () => normaliseSpec({ command, ...input } as RunInput);
}

const values = { dir: '/tmp', here: '/', port: (name: string | null) => (name === null ? 20_500 : 20_501) };
function planOf(input: object) {
  return fillIn(normaliseSpec({ command, ...input } as RunInput), values).plan;
}

test('without a server or a client there is no plan, and no placeholder is filled in', (t) => {
  const spec = normaliseSpec({
    command: ['sh', '-c', 'echo ${port}'],
    then: ['echo ${dir}'],
    background: false,
    ready: null,
  });
  t.like(spec, { plan: null, template: null, command: ['sh', '-c', 'echo ${port}'], then: ['echo ${dir}'] });
});

test('a server and its clients run in order, with values filled in per run', (t) => {
  const spec = normaliseSpec({
    command,
    ready: 'http://127.0.0.1:${port}/',
    readyTimeout: '2s',
    then: [{ client: 'curl :${port}' }, 'touch ${dir}/x', { client: 'curl :${port.admin}' }],
    env: { HOME: '${dir}' },
    kmem: '1M',
  });
  t.deepEqual(spec.template?.input.env, { HOME: '${dir}' });
  const filled = fillIn(spec, values);
  t.deepEqual(filled.template, spec.template);
  t.like(filled, {
    command: ['node', 'server.js', '20500'],
    then: [],
    env: { HOME: '/tmp' },
    limits: { kmem: 1_048_576 },
  });
  const [server, first, second, third, ...rest] = filled.plan ?? [];
  t.deepEqual(rest, []);
  t.like(server, {
    ...{ kind: 'command', background: true, stop: 'SIGTERM', command: ['node', 'server.js', '20500'] },
    ready: { until: 'http', url: 'http://127.0.0.1:20500/', withinMs: 2000 },
  });
  t.like(first, { kind: 'outside', command: ['sh', '-c', 'curl :20500'], background: false });
  t.like(second, { kind: 'command', command: ['sh', '-c', 'touch /tmp/x'] });
  t.like(third, { kind: 'outside', command: ['sh', '-c', 'curl :20501'] });
});

test('accepts every readiness condition', (t) => {
  const readyOf = (ready: string) => {
    const [server] = planOf({ ready }) ?? [];
    return server !== undefined && 'ready' in server ? server.ready : null;
  };
  const withinMs = 10_000;
  t.deepEqual(readyOf('tcp:${port}'), { until: 'port', host: '127.0.0.1', port: 20_500, withinMs });
  t.deepEqual(readyOf('tcp:localhost:80'), { until: 'port', host: 'localhost', port: 80, withinMs });
  t.deepEqual(readyOf('tcp:[::1]:80'), { until: 'port', host: '::1', port: 80, withinMs });
  t.deepEqual(readyOf('file:${dir}/up'), { until: 'file', file: '/tmp/up', withinMs });
  t.deepEqual(readyOf('output:^listening: \\d+'), { until: 'log', pattern: '^listening: \\d+', file: null, withinMs });
  t.like(readyOf('HTTPS://localhost/x'), { until: 'http', url: 'HTTPS://localhost/x' });
});

test('the server is stopped by a signal, or by an awaited command in the group', (t) => {
  t.like(planOf({ background: true, stop: 'INT' }), [{ stop: 'SIGINT', name: null }]);
  t.like(planOf({ background: true, stop: 'SIGQUIT' }), [{ stop: 'SIGQUIT' }]);
  t.like(planOf({ background: true, then: ['true'], stop: 'nginx -s quit' }), [
    { stop: 'SIGTERM', name: 'server' },
    { name: null },
    { kind: 'command', name: 'stop', command: ['sh', '-c', 'nginx -s quit'], stops: 'server' },
  ]);
  // Not a signal: a program with that name.
  t.like(planOf({ background: true, stop: 'STOPIT' })?.[1], { command: ['sh', '-c', 'STOPIT'] });
});

test('a client alone needs no server: the plan waits for the command', (t) => {
  t.like(planOf({ then: [{ client: 'curl' }] }), [
    { kind: 'command', background: false, ready: null },
    { kind: 'outside' },
  ]);
});

test('errors name the option as the user knows it', (t) => {
  const option = { nameOf: (key: string) => `--${key}` };
  const error = t.throws(() => normaliseSpec({ command, ready: 'port 80' } as RunInput, option));
  t.regex(error?.message ?? '', /^--ready: invalid condition: "port 80"$/);
  const port = t.throws(() => normaliseSpec({ command, ready: 'tcp:99999' } as RunInput, option));
  t.regex(port?.message ?? '', /^--ready\.port: "99999" is not a port$/);
  refused(t, 'bad-option', wrong({ ready: 'port 80' }));
  refused(t, 'bad-option', wrong({ ready: 'tcp:' }));
  refused(t, 'bad-step', wrong({ ready: 'tcp:99999' }));
  refused(t, 'bad-step', wrong({ ready: 'output:(' }));
  // What a shell makes of http://127.0.0.1:${port}/ in double quotes.
  refused(t, 'bad-option', wrong({ ready: 'http://127.0.0.1:/' }));
  refused(t, 'conflicting-options', wrong({ readyTimeout: '1s' }));
  refused(t, 'conflicting-options', wrong({ stop: 'TERM' }));
  refused(t, 'conflicting-options', wrong({ stop: 'TERM', then: [{ client: 'x' }] }));
  refused(t, 'bad-option', wrong({ background: 'yes' }));
  refused(t, 'bad-option', wrong({ then: [{ clinet: 'x' }] }));
  refused(t, 'bad-option', wrong({ then: [{ client: 'x' }, 7] }));
  refused(t, 'no-command', () => normaliseSpec({ command: [], background: true }));
  refused(t, 'bad-expectation', wrong({ background: true, expect: ['steps[1].exit==0'] }));
});
