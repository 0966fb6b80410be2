import { resolve } from 'node:path';
import { SetupError } from '../errors.ts';
import { signalNumber } from '../host/exit-status.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote, shellLine } from '../text/quote.ts';
import { compileStepExpectation } from './expect.ts';
import * as read from './fields.ts';
import type {
  Awaited,
  HttpStep,
  LimitsStep,
  PlanStep,
  SignalStep,
  SignalTarget,
  Waiting,
  WaitStep,
} from './run-spec.ts';

const COMMON_KEYS = ['name', 'expect', 'timeout'];
/** The kinds of step, and the other keys of each. */
export const STEP_KEYS: Readonly<Record<string, readonly string[]>> = {
  run: ['outside', 'background', 'ready', 'stop', 'stops', 'env', 'cwd'],
  http: ['within'],
  signal: ['to'],
  limits: [],
  wait: [],
};
const ACTIONS = Object.keys(STEP_KEYS);
const ALL_KEYS = [...new Set([...COMMON_KEYS, ...ACTIONS, ...Object.values(STEP_KEYS).flat()])];

type Fields = Readonly<Record<string, unknown>>;
type Common = Pick<PlanStep, 'name' | 'expect' | 'timeoutMs'>;

/**
 * The steps, checked, with their defaults. `name`: what the list is called in the input; `cwd`: absolute; paths are
 * relative to it. @throws SetupError `bad-step`, `unknown-key`, `bad-expectation`, and those of single values.
 */
export function readPlan(value: unknown, name: string, cwd: string): PlanStep[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw badStep(`${name}: ${quote(value)} is not a list of steps`, 'use a list with a step, such as { run: … }');
  }
  const steps = value.map((step, index) => readStep(step, `${name}[${index}]`, index, cwd));
  if (!steps.some(({ kind }) => kind === 'command')) {
    const hint = 'add a step with run: and without outside:';
    throw badStep(`${name}: no step runs in the group: there is nothing to measure`, hint);
  }
  for (const [index, step] of steps.entries()) checkNames(step, steps.slice(0, index), `${name}[${index}]`);
  return steps;
}

function readStep(value: unknown, name: string, index: number, cwd: string): PlanStep {
  const given = fieldsOf(value, name, ALL_KEYS);
  const actions = ACTIONS.filter((key) => given[key] !== undefined);
  const [action] = actions;
  if (action === undefined || actions.length > 1) {
    const found = actions.length === 0 ? 'does nothing' : `does ${actions.join(' and ')} at once`;
    throw badStep(`${name}: this step ${found}`, `use exactly one of ${ACTIONS.join(', ')}`);
  }
  const beside = [...COMMON_KEYS, action, ...(STEP_KEYS[action] ?? [])];
  const stray = Object.keys(given).find((key) => given[key] !== undefined && !beside.includes(key));
  if (stray !== undefined) throw badStep(`${name}: ${stray} cannot be combined with ${action}`, `leave out ${stray}`);
  const common: Common = {
    name: given.name === undefined ? null : readName(given.name, `${name}.name`),
    expect: readExpect(given.expect, name, index),
    timeoutMs:
      given.timeout === undefined ? null : read.orNull(read.positiveDuration)(given.timeout, `${name}.timeout`),
  };
  if (action === 'run') return readProgram(given, common, name, cwd);
  if (action === 'http') return readHttp(given, common, name);
  if (action === 'signal') return readSignal(given, common, name, cwd);
  if (action === 'limits') return readLimits(given, common, name);
  return { kind: 'wait', ...common, waiting: readWaiting(given.wait, `${name}.wait`, cwd) } satisfies WaitStep;
}

// Used in messages and in `steps.NAME`.
const readName: read.Reader<string> = (value, name) => {
  const text = read.text(value, name);
  if (/^[^\n]{1,60}$/.test(text)) return text;
  throw badStep(`${name}: invalid name: ${quote(text)}`, 'use a name of one line, up to 60 characters');
};

function readExpect(value: unknown, name: string, index: number): string[] {
  if (value === undefined) return [];
  const texts = read.texts(typeof value === 'string' ? [value] : value, `${name}.expect`);
  for (const text of texts) compileStepExpectation(text, index);
  return texts;
}

function readProgram(given: Fields, common: Common, name: string, cwd: string): PlanStep {
  const flag = (key: string): boolean => given[key] !== undefined && read.boolean(given[key], `${name}.${key}`);
  const own = given.cwd === undefined ? null : resolve(cwd, read.text(given.cwd, `${name}.cwd`));
  return {
    kind: flag('outside') ? 'outside' : 'command',
    ...common,
    command: readRun(given.run, `${name}.run`),
    env: given.env === undefined ? {} : read.environment(given.env, `${name}.env`),
    cwd: own,
    background: flag('background'),
    ready: given.ready === undefined ? null : readAwaited(given.ready, `${name}.ready`, own ?? cwd),
    stop: given.stop === undefined ? 'SIGTERM' : readSignalName(given.stop, `${name}.stop`),
    stops: given.stops === undefined ? null : read.text(given.stops, `${name}.stops`),
  };
}

const readRun: read.Reader<string[]> = (value, name) => {
  if (typeof value === 'string') return ['sh', '-c', read.text(value, name)];
  if (Array.isArray(value) && value.length > 0) return read.command(value, name);
  throw badStep(`${name}: ${quote(value)} cannot be run`, 'use a line for the shell, or a list: program and arguments');
};

/** How a step's program is shown: as the shell line or as words. */
export function lineOf(command: readonly string[]): string {
  const isLine = command.length === 3 && command[0] === 'sh' && command[1] === '-c';
  return isLine ? (command[2] ?? '') : shellLine(command);
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

function readHttp(given: Fields, common: Common, name: string): HttpStep {
  const withinMs = given.within === undefined ? 0 : read.duration(given.within, `${name}.within`);
  if (typeof given.http === 'string') {
    const url = readUrl(given.http, `${name}.http`);
    return { kind: 'http', ...common, method: 'GET', url, headers: {}, body: null, withinMs };
  }
  const { url, method, headers, body } = fieldsOf(given.http, `${name}.http`, ['url', 'method', 'headers', 'body']);
  const verb = typeof method === 'string' ? method.toUpperCase() : method;
  return {
    kind: 'http',
    ...common,
    method: method === undefined ? 'GET' : read.oneOf(METHODS)(verb, `${name}.http.method`),
    url: readUrl(url, `${name}.http.url`),
    headers: headers === undefined ? {} : read.environment(headers, `${name}.http.headers`),
    body: body === undefined ? null : read.text(body, `${name}.http.body`),
    withinMs,
  };
}

function readSignal(given: Fields, common: Common, name: string, cwd: string): SignalStep {
  const signal = readSignalName(given.signal, `${name}.signal`);
  return { kind: 'signal', ...common, signal, target: readTarget(given.to, `${name}.to`, cwd) };
}

const readSignalName: read.Reader<string> = (value, name) => {
  const asked = read.text(value, name).toUpperCase();
  const signal = asked.startsWith('SIG') ? asked : `SIG${asked}`;
  if (signalNumber(signal) !== null) return signal;
  throw badStep(`${name}: ${quote(value)} is not a signal`, 'use a name such as TERM, HUP or USR1');
};

function readTarget(value: unknown, name: string, cwd: string): SignalTarget {
  if (value === undefined || value === 'group') return { to: 'group' };
  const { step, pidFile } = fieldsOf(value, name, ['step', 'pidFile']);
  if ((step === undefined) === (pidFile === undefined))
    throw badStep(`${name} requires exactly one target`, "use 'group', { step: NAME } or { pidFile: FILE }");
  if (step !== undefined) return { to: 'step', step: read.text(step, `${name}.step`) };
  return { to: 'pid-file', file: resolve(cwd, read.text(pidFile, `${name}.pidFile`)) };
}

const LIMIT_KEYS = ['kmem', 'mem', 'memsw', 'kmemTcp', 'pids'] as const;

function readLimits(given: Fields, common: Common, name: string): LimitsStep {
  const limits = fieldsOf(given.limits, `${name}.limits`, LIMIT_KEYS);
  const asked = LIMIT_KEYS.filter((key) => limits[key] !== undefined);
  if (asked.length === 0) throw badStep(`${name}.limits: no limit is named`, `use one of ${LIMIT_KEYS.join(', ')}`);
  const readOne = (key: (typeof LIMIT_KEYS)[number]) =>
    read.orNull(key === 'pids' ? read.pids : read.limit)(limits[key], `${name}.limits.${key}`);
  return { kind: 'limits', ...common, limits: Object.fromEntries(asked.map((key) => [key, readOne(key)])) };
}

/** Names are unique, and a named step has started earlier and still runs. */
function checkNames(step: PlanStep, before: readonly PlanStep[], name: string): void {
  if (step.name !== null && before.some((earlier) => earlier.name === step.name))
    throw badStep(`${name}: duplicate step name: ${quote(step.name)}`, 'give each step a name of its own');
  const target =
    step.kind === 'signal' && step.target.to === 'step'
      ? step.target.step
      : step.kind === 'wait' && step.waiting.until === 'step'
        ? step.waiting.step
        : 'stops' in step
          ? step.stops
          : null;
  if (target === null) return;
  const running = before.filter((earlier) => 'background' in earlier && earlier.background);
  if (running.some((earlier) => earlier.name === target)) return;
  const names = running.flatMap((earlier) => earlier.name ?? []);
  throw new SetupError(
    'bad-step',
    `${name}: no earlier background step is called ${quote(target)}`,
    names.length === 0 ? 'give an earlier step background: true and a name' : `known steps: ${names.join(', ')}`,
  );
}

const DEFAULT_WITHIN_MS = 10_000;

const MOST_PORT = 65_535;

type AwaitedFields = Readonly<Record<string, unknown>>;

const AWAITED_KEYS = ['port', 'host', 'file', 'log', 'http', 'within'];

/** Paths are relative to `cwd`. @throws SetupError `bad-step`, `bad-duration`. */
export function readAwaited(value: unknown, name: string, cwd: string): Awaited {
  const given = fieldsOf(value, name, AWAITED_KEYS);
  const withinMs =
    given.within === undefined ? DEFAULT_WITHIN_MS : read.positiveDuration(given.within, `${name}.within`);
  const { port, host, file, log, http } = given;
  const asked = Object.entries({ port, log, http }).filter(([, each]) => each !== undefined);
  if (asked.length > 1 || (file !== undefined && (port !== undefined || http !== undefined))) {
    throw badStep(`${name}: can only wait for one thing`, 'use one of port, file, log and http');
  }
  if (host !== undefined && port === undefined) throw badStep(`${name}: host requires port`, 'add port');
  if (port !== undefined) {
    const at = host === undefined ? '127.0.0.1' : read.text(host, `${name}.host`);
    return { until: 'port', host: at, port: readPort(port, `${name}.port`), withinMs };
  }
  const path = file === undefined ? null : resolve(cwd, read.text(file, `${name}.file`));
  if (log !== undefined) return { until: 'log', pattern: readPattern(log, `${name}.log`), file: path, withinMs };
  if (path !== null) return { until: 'file', file: path, withinMs };
  if (http !== undefined) return { until: 'http', url: readUrl(http, `${name}.http`), withinMs };
  throw badStep(`${name}: requires something to wait for`, 'use one of port, file, log and http');
}

/** Like readAwaited; also a duration, `empty`, or `{ step }`. */
export function readWaiting(value: unknown, name: string, cwd: string): Waiting {
  if (value === 'empty') return { until: 'empty', withinMs: DEFAULT_WITHIN_MS };
  if (typeof value !== 'object' || value === null) return { until: 'passed', ms: read.duration(value, name) };
  const given = value as AwaitedFields;
  if (given.step === undefined && given.empty === undefined) {
    return readAwaited(fieldsOf(value, name, [...AWAITED_KEYS, 'step', 'empty']), name, cwd);
  }
  const { step, empty, within } = fieldsOf(value, name, ['step', 'empty', 'within']);
  const withinMs = within === undefined ? DEFAULT_WITHIN_MS : read.positiveDuration(within, `${name}.within`);
  if (step !== undefined && empty !== undefined)
    throw badStep(`${name}: can only wait for one thing`, 'use step or empty');
  if (step !== undefined) return { until: 'step', step: read.text(step, `${name}.step`), withinMs };
  if (empty === true) return { until: 'empty', withinMs };
  throw badStep(`${name}.empty: ${quote(empty)} is not true`, 'use empty: true');
}

/** An object without unknown keys. @throws SetupError `bad-step`, `unknown-key`. */
export function fieldsOf(value: unknown, name: string, known: readonly string[]): AwaitedFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badStep(`${name}: ${quote(value)} is not an object with keys`, `use an object with ${known.join(', ')}`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return value as AwaitedFields;
  const hint = didYouMean(unknown, known, `known keys: ${known.join(', ')}`);
  throw new SetupError('unknown-key', `${name}: unknown key ${quote(unknown)}`, hint);
}

export const readPort: read.Reader<number> = (value, name) => {
  const port = typeof value === 'string' && /^[0-9]{1,5}$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= MOST_PORT) return port;
  throw badStep(`${name}: ${quote(value)} is not a port`, `use a whole number from 1 to ${MOST_PORT}`);
};

export const readPattern: read.Reader<string> = (value, name) => {
  const pattern = read.text(value, name);
  try {
    new RegExp(pattern, 'm');
    return pattern;
  } catch (error) {
    throw badStep(
      `${name}: ${(error as Error).message}`,
      'use a regular expression; escape characters such as ( with \\',
    );
  }
};

export const readUrl: read.Reader<string> = (value, name) => {
  const url = read.text(value, name);
  if (URL.canParse(url) && /^https?:/i.test(url)) return url;
  throw badStep(`${name}: ${quote(url)} is not an HTTP URL`, 'use one such as http://127.0.0.1:8080/');
};

export function badStep(message: string, hint: string): SetupError {
  return new SetupError('bad-step', message, hint);
}
