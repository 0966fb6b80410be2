/** A user's program that imports the built package, in cgroups and folders of the test's own. */

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Harness, makeHarness, type Running } from '../harness.ts';

const built = join(import.meta.dirname, '..', '..', 'dist', 'index.js');

function FRAME(code: string) {
  return `
  import * as library from ${JSON.stringify(built)};
  const { run, sweep, bisect, explore, scenario, SetupError } = library;
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGTSTP', 'exit', 'uncaughtException'];
  const listeners = () => signals.map((name) => process.listenerCount(name));
  const before = listeners();
  const answer = await (async () => {${code}})();
  const { writeSync } = await import('node:fs');
  writeSync(3, JSON.stringify({ answer, listeners: [before, listeners()], exitCode: process.exitCode ?? null }));
`;
}

export type User = Harness &
  Readonly<{
    begin: (code: string) => Running;
    /**
     * What \`code\` returns. Fails the test if the library has printed anything, kept a signal handler, or left
     * anything behind.
     */
    // biome-ignore lint/suspicious/noExplicitAny: what the code returns is the test's own
    ask: (code: string) => Promise<any>;
  }>;

export function makeUser(t: ExecutionContext): User {
  const harness = makeHarness(t);
  const begin = (code: string): Running => {
    const words = [process.execPath, '--input-type=module', '-e', FRAME(code)];
    return harness.startProgram(['sh', '-c', 'exec "$@" 3>answer.json', 'sh', ...words]);
  };
  return {
    ...harness,
    begin,
    ask: async (code) => {
      const { status, stdout, stderr } = await begin(code).ended;
      t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
      const { answer, listeners, exitCode } = JSON.parse(harness.read('answer.json'));
      t.deepEqual(listeners[1], listeners[0]);
      t.is(exitCode, null);
      harness.assertNothingLeft();
      return answer;
    },
  };
}
