/** A server command with its clients: the options of a run, converted to the steps of a plan. */

import { SetupError } from '../errors.ts';
import { signalNumber } from '../host/exit-status.ts';
import { quote } from '../text/quote.ts';
import * as read from './fields.ts';
import { fill, standIns } from './placeholders.ts';
import { readAwaited } from './read-plan.ts';
import type { AwaitedInput, FurtherStep, PlanInput, RunInput, StepInput } from './run-input.ts';

/** Keys of a run's input that make its command a step of a plan. */
export const SERVER_KEYS = ['ready', 'readyTimeout', 'background', 'stop'] as const;

/** Names the command's step, for the step that stops it. */
const SERVER = 'server';

type NameOf = (key: keyof RunInput) => string;

/**
 * The same run as a plan whose placeholders are filled in, if it has one of these keys or a client; otherwise null.
 * @throws SetupError `no-command`, `bad-command`, `bad-option`, `bad-step`, `conflicting-options`.
 */
export function asServerPlan(input: RunInput, nameOf: NameOf): PlanInput | null {
  const { command, then: further, ready, readyTimeout, background, stop, ...rest } = input;
  const asked = SERVER_KEYS.filter((key) => input[key] !== undefined && input[key] !== null && input[key] !== false);
  const steps = (Array.isArray(further) ? further : []).map((step: FurtherStep) => furtherStep(step, nameOf));
  if (asked.length === 0 && !steps.some(({ outside }) => outside)) return null;
  const awaited = ready == null ? null : { ...readReady(ready, nameOf('ready')), ...within(readyTimeout, nameOf) };
  const isServer = awaited !== null || (background !== undefined && read.boolean(background, nameOf('background')));
  refuseAlone(asked, { isServer, isAwaited: awaited !== null }, nameOf);
  const ending = stop === undefined ? {} : readStop(stop, nameOf('stop'));
  const server: StepInput = {
    ...(ending.line === undefined ? {} : { name: SERVER }),
    run: read.command(command, 'command'),
    ...(isServer ? { background: true } : {}),
    ...(awaited === null ? {} : { ready: awaited }),
    ...(ending.signal === undefined ? {} : { stop: ending.signal }),
  };
  const last: StepInput[] = ending.line === undefined ? [] : [{ name: 'stop', run: ending.line, stops: SERVER }];
  return { ...rest, plan: [server, ...steps, ...last], template: { here: null, setUp: [], cleanUp: [] } };
}

function furtherStep(step: FurtherStep, nameOf: NameOf): StepInput {
  if (typeof step === 'string') return { run: read.text(step, nameOf('then')) };
  const client = typeof step === 'object' && step !== null ? step.client : undefined;
  if (typeof client === 'string') return { run: read.text(client, 'client'), outside: true };
  throw new SetupError(
    'bad-option',
    `${nameOf('then')}: ${quote(step)} is not a step`,
    "use a line for the shell, or { client: 'LINE' }",
  );
}

function within(timeout: RunInput['readyTimeout'], nameOf: NameOf): Pick<AwaitedInput, 'within'> {
  return timeout === undefined ? {} : { within: read.positiveDuration(timeout, nameOf('readyTimeout')) };
}

/** `tcp:8080`, `http://127.0.0.1:8080/`, `file:PATH`, `output:REGEX`. @throws SetupError `bad-option`, `bad-step`. */
function readReady(value: unknown, name: string): AwaitedInput {
  const awaited = awaitedIn(read.text(value, name), name);
  // Here an error names the option; the plan is read only later.
  readAwaited(fill(awaited, standIns()), name, '/');
  return awaited;
}

function awaitedIn(text: string, name: string): AwaitedInput {
  if (/^https?:/i.test(text)) {
    // What remains if a shell has expanded ${port} itself.
    if (/^https?:\/\/[^/]*:(\/|$)/i.test(text))
      throw new SetupError(
        'bad-option',
        `${name}: ${quote(text)} has no port after the colon`,
        'put the URL in single quotes; otherwise the shell expands ${port} to nothing',
      );
    return { http: text };
  }
  const [, kind, rest = ''] = /^(tcp|file|output):(.+)$/s.exec(text) ?? [];
  if (kind === 'file') return { file: rest };
  if (kind === 'output') return { log: rest };
  if (kind === 'tcp') {
    const [, host, port = ''] = /^(?:(.*):)?([^:]+)$/.exec(rest) ?? [];
    return { port, ...(host === undefined ? {} : { host: host.replace(/^\[(.*)\]$/, '$1') }) };
  }
  throw new SetupError(
    'bad-option',
    `${name}: invalid condition: ${quote(text)}`,
    'use tcp:PORT, http://HOST:PORT/, file:PATH or output:REGEX',
  );
}

/** A word in capitals that names a signal is one; anything else is a line for the shell. */
function readStop(value: unknown, name: string): { signal?: string; line?: string } {
  const text = read.text(value, name);
  const signal = text.startsWith('SIG') ? text : `SIG${text}`;
  return /^[A-Z0-9+-]+$/.test(text) && signalNumber(signal) !== null ? { signal } : { line: text };
}

type Server = Readonly<{ isServer: boolean; isAwaited: boolean }>;

function refuseAlone(asked: readonly string[], { isServer, isAwaited }: Server, nameOf: NameOf): void {
  const refuse = (key: keyof RunInput, needs: string): never => {
    throw new SetupError('conflicting-options', `${nameOf(key)} requires ${needs}`, `add ${needs}`);
  };
  if (asked.includes('readyTimeout') && !isAwaited) refuse('readyTimeout', nameOf('ready'));
  if (asked.includes('stop') && !isServer) refuse('stop', `${nameOf('ready')} or ${nameOf('background')}`);
}
