import test from 'ava';
import { commandEnvironment, isUnderNpx } from '../../src/run/environment.ts';

const plain = { env: {}, clearEnv: false };
const npx = { npm_command: 'exec', npm_execpath: '/usr/lib/node_modules/npm/bin/npx-cli.js' };

test('passes the runner’s own environment, overridden by the user’s variables', (t) => {
  t.deepEqual(commandEnvironment(plain, { A: '1', B: undefined }), { A: '1' });
  t.deepEqual(commandEnvironment({ env: { A: '2', C: '' }, clearEnv: false }, { A: '1' }), { A: '2', C: '' });
  t.deepEqual(commandEnvironment({ env: { A: '2' }, clearEnv: true }, { A: '1', B: '1' }), { A: '2' });
});

test('under npx only the variables it added are removed', (t) => {
  const own = {
    ...npx,
    npm_config_user_agent: 'npm',
    NODE: '/usr/bin/node',
    INIT_CWD: '/home/me',
    COLOR: '1',
    NODE_ENV: 'test',
    PATH: '/p/node_modules/.bin:/node_modules/.bin:/usr/lib/node_modules/npm/node-gyp-bin:/mine/node_modules/.bin:/usr/bin',
  };
  t.true(isUnderNpx(own));
  t.deepEqual(commandEnvironment(plain, own), { NODE_ENV: 'test', PATH: '/mine/node_modules/.bin:/usr/bin' });
});

test('the user’s variables are kept under npx too', (t) => {
  const env = { NODE: 'mine', npm_config_loglevel: 'silent' };
  t.deepEqual(commandEnvironment({ env, clearEnv: false }, { ...npx, NODE: 'npx' }), env);
});

test('under npm run, or a program that npm once started, nothing is removed', (t) => {
  for (const own of [
    { npm_command: 'run-script', npm_execpath: '/x', NODE: '/n' },
    { NODE: '/n', npm_command: 'exec' },
  ]) {
    t.false(isUnderNpx(own));
    t.deepEqual(commandEnvironment(plain, own), own);
  }
});
