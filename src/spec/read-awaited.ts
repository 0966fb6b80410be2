import { resolve } from 'node:path';
import { SetupError } from '../errors.ts';
import * as read from './fields.ts';
import { didYouMean } from './nearest.ts';
import type { Awaited, Waiting } from './plan.ts';
import { quote } from './quote.ts';

const DEFAULT_WITHIN_MS = 10_000;
const MOST_PORT = 65_535;

type Fields = Readonly<Record<string, unknown>>;

const AWAITED_KEYS = ['port', 'host', 'file', 'log', 'http', 'within'];

/** Paths are taken relative to `cwd`. Throws SetupError `bad-step`, `bad-duration`. */
export function readAwaited(value: unknown, name: string, cwd: string): Awaited {
  const given = fieldsOf(value, name, AWAITED_KEYS);
  const withinMs =
    given.within === undefined ? DEFAULT_WITHIN_MS : read.positiveDuration(given.within, `${name}.within`);
  const { port, host, file, log, http } = given;
  const asked = Object.entries({ port, log, http }).filter(([, each]) => each !== undefined);
  if (asked.length > 1 || (file !== undefined && (port !== undefined || http !== undefined))) {
    throw badStep(`${name}: one thing at a time can be waited for`, 'give one of port, file, log and http');
  }
  if (host !== undefined && port === undefined) throw badStep(`${name}: a host goes with a port`, 'give port too');
  if (port !== undefined) {
    const at = host === undefined ? '127.0.0.1' : read.text(host, `${name}.host`);
    return { until: 'port', host: at, port: readPort(port, `${name}.port`), withinMs };
  }
  const path = file === undefined ? null : resolve(cwd, read.text(file, `${name}.file`));
  if (log !== undefined) return { until: 'log', pattern: readPattern(log, `${name}.log`), file: path, withinMs };
  if (path !== null) return { until: 'file', file: path, withinMs };
  if (http !== undefined) return { until: 'http', url: readUrl(http, `${name}.http`), withinMs };
  throw badStep(`${name}: nothing to wait for is named`, 'give one of port, file, log and http');
}

/** As readAwaited; also a duration, `empty`, or `{ step }`. */
export function readWaiting(value: unknown, name: string, cwd: string): Waiting {
  if (value === 'empty') return { until: 'empty', withinMs: DEFAULT_WITHIN_MS };
  if (typeof value !== 'object' || value === null) return { until: 'passed', ms: read.duration(value, name) };
  const given = value as Fields;
  if (given.step === undefined && given.empty === undefined) {
    return readAwaited(fieldsOf(value, name, [...AWAITED_KEYS, 'step', 'empty']), name, cwd);
  }
  const { step, empty, within } = fieldsOf(value, name, ['step', 'empty', 'within']);
  const withinMs = within === undefined ? DEFAULT_WITHIN_MS : read.positiveDuration(within, `${name}.within`);
  if (step !== undefined && empty !== undefined)
    throw badStep(`${name}: one thing at a time can be waited for`, 'give step or empty');
  if (step !== undefined) return { until: 'step', step: read.text(step, `${name}.step`), withinMs };
  if (empty === true) return { until: 'empty', withinMs };
  throw badStep(`${name}.empty: ${quote(empty)} says nothing`, 'write empty: true');
}

/** An object without keys of other names. Throws SetupError `bad-step`, `unknown-key`. */
export function fieldsOf(value: unknown, name: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badStep(`${name}: ${quote(value)} has no keys`, `give an object with ${known.join(', ')}`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return value as Fields;
  const hint = didYouMean(unknown, known, `known keys: ${known.join(', ')}`);
  throw new SetupError('unknown-key', `${name}: ${quote(unknown)} is not known here`, hint);
}

export const readPort: read.Reader<number> = (value, name) => {
  const port = typeof value === 'string' && /^[0-9]{1,5}$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= MOST_PORT) return port;
  throw badStep(`${name}: ${quote(value)} is not a port`, `give a whole number from 1 to ${MOST_PORT}`);
};

export const readPattern: read.Reader<string> = (value, name) => {
  const pattern = read.text(value, name);
  try {
    new RegExp(pattern, 'm');
    return pattern;
  } catch (error) {
    throw badStep(`${name}: ${(error as Error).message}`, 'give a regular expression; signs such as ( go behind a \\');
  }
};

export const readUrl: read.Reader<string> = (value, name) => {
  const url = read.text(value, name);
  if (URL.canParse(url) && /^https?:/i.test(url)) return url;
  throw badStep(`${name}: ${quote(url)} is not a URL that can be asked`, 'give one such as http://127.0.0.1:8080/');
};

export function badStep(message: string, hint: string): SetupError {
  return new SetupError('bad-step', message, hint);
}
