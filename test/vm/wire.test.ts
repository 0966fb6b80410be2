import test from 'ava';
import { SetupError } from '../../src/errors.ts';
import { agentError, encodeConfig, type GuestConfig, parseAgentLine, say } from '../../src/vm/wire.ts';

const config: GuestConfig = {
  cgroup: 'v1',
  time: 1_700_000_000_123.4,
  seed: 'f00d',
  runFolders: [{ name: 'a b', mode: 0o1777, uid: 1, gid: 2 }],
  hostname: 'here',
  rw: [{ tag: 'rw0', path: '/a:b,c' }],
  streams: { stdin: 'null', stdout: 'smallpipe', stderr: 'tty' },
  size: { rows: 24, columns: 80 },
  cwd: '/tmp',
  env: { A: '1=2\nx', EMPTY: '' },
  argv: ['/bin/sh', '', 'ü'],
  runner: true,
  serves: true,
};

test('a configuration is NUL-terminated records and a final empty one', (t) => {
  t.is(
    encodeConfig(config).toString(),
    [
      ...['cgroup=v1', 'time=1700000000123', 'seed=f00d', 'hostname=here', 'directory=1777 1 2 a b', 'rw=rw0:/a:b,c'],
      ...['stdin=null', 'stdout=smallpipe', 'stderr=tty', 'size=24 80', 'cwd=/tmp'],
      ...['env=A=1=2\nx', 'env=EMPTY=', 'arg=/bin/sh', 'arg=', 'arg=ü', 'runner=1', 'serves=1', ''],
      '',
    ].join('\0'),
  );
  const bare = encodeConfig({ ...config, size: null, runner: false, serves: false, rw: [], env: {} }).toString();
  t.notRegex(bare, /size=|runner=|serves=|rw=|env=/);
});

test('a NUL that would end a record early is refused', (t) => {
  const error = t.throws(() => encodeConfig({ ...config, argv: ['/bin/sh', 'a\0arg=b'] }), { instanceOf: SetupError });
  t.is(error.code, 'bad-text');
});

test('agent lines are parsed, with absent values as null', (t) => {
  t.deepEqual(parseAgentLine('{"event":"up","uptimeMs":1200}'), { event: 'up', uptimeMs: 1200 });
  t.deepEqual(parseAgentLine('{"event":"stopped"}'), { event: 'stopped' });
  t.deepEqual(parseAgentLine('{"event":"end","code":null,"signal":"SIGTERM","stdout":3,"stderr":0}'), {
    event: 'end',
    code: null,
    signal: 'SIGTERM',
    stdout: 3,
    stderr: 0,
    stdin: null,
  });
  t.deepEqual(parseAgentLine('{"event":"setup-error","what":"mount the root","errno":"EACCES","detail":null}'), {
    event: 'setup-error',
    what: 'mount the root',
    errno: 'EACCES',
    detail: null,
  });
});

test('invalid events become null', (t) => {
  for (const line of ['', '[', '3', 'null', '"up"', '{}', '{"event":"later"}', '{"event":7}']) {
    t.is(parseAgentLine(line), null, line);
  }
});

test('encodes agent commands', (t) => {
  t.is(say.signal('SIGINT'), 'signal SIGINT\n');
  t.is(say.size({ rows: 3, columns: 4 }), 'size 3 4\n');
  t.is(say.stdinEnd(5), 'stdin-end 5\n');
  t.is(say.close('stderr'), 'close stderr\n');
  t.is(say.cont(), 'cont\n');
});

test('a failure of the agent is reported with its reason and a hint', (t) => {
  const { code, message, hint } = agentError({
    event: 'setup-error',
    what: 'mount the root',
    errno: 'ENOMEM',
    detail: 'overlay',
  });
  t.is(code, 'guest-failed');
  t.is(message, 'the microVM could not mount the root (ENOMEM, overlay)');
  t.regex(hint, /--vm-memory/);
});
