import { exitStatus, signalName } from '../../host/exit-status.ts';
import { groupDigits } from '../../request/size.ts';
import { quote } from '../../text/quote.ts';
import { type Baseline, beyond, changedFile, crashName, newFiles } from './baseline.ts';
import type { Observation } from './observation.ts';
import { CRASHES } from './observation.ts';
import { type Departure, departure, type Pattern, strangers } from './pattern.ts';

/** The worst first. */
export const CLASSES = ['crash', 'hang', 'silent', 'leak', 'handled'] as const;
export type Class = (typeof CLASSES)[number];

export type Classification = Readonly<{
  class: Class;
  /** A short description: `sleep died of SIGSEGV`. */
  how: string;
  /** The printed line that undisturbed runs do not print; null if none. */
  message: string | null;
  /** It failed, and reported this by its exit status alone. */
  mute: boolean;
}>;

/** `startStep`: the step whose process the call belonged to. */
export function classify(observation: Observation, baseline: Baseline, startStep: number): Classification {
  const message = messageOf(observation, baseline);
  const verdict = (name: Class, how: string): Classification => ({ class: name, how, message, mute: false });
  const crash = crashOf(observation, baseline);
  if (crash !== null) return verdict('crash', crash);
  if (observation.outcome === 'timeout') return verdict('hang', 'it did not end');
  const failing = failingStep(observation, baseline);
  const failedIn = observation.failedIn ?? startStep;
  // A server informs its clients.
  if (failing === null || (failing > failedIn && !observation.servers.includes(failedIn))) {
    const difference =
      failing === null ? differenceOf(observation, baseline) : laterStep(observation, failing, failedIn);
    if (difference !== null) return verdict('silent', difference);
  }
  const leak = leakOf(observation, baseline);
  if (leak !== null) return verdict('leak', leak);
  if (failing === null) return verdict('handled', 'the same result');
  return { ...verdict('handled', `failed: ${wordsOf(observation, failing)}`), mute: message === null };
}

function crashOf({ exits, crashes }: Observation, baseline: Baseline): string | null {
  for (const [index, exit] of exits.entries()) {
    const usual = baseline.exits[index];
    if (exit.signal !== null && CRASHES.includes(exit.signal) && usual?.signal !== exit.signal)
      return `${stepName(index, exits.length)} died of ${exit.signal}`;
  }
  // A step's own process appears here too, if it is a child whose parent hides its death.
  const [fresh] = beyond(crashes.map(crashName), baseline.crashes);
  if (fresh !== undefined) {
    const crash = crashes.find((one) => crashName(one) === fresh);
    return `${crash?.comm ?? 'a process'} died of ${crash?.signal}`;
  }
  for (const [index, { code }] of exits.entries()) {
    const signal = code !== null && code > 128 && code < 192 ? signalName(code - 128) : null;
    if (signal !== null && CRASHES.includes(signal) && baseline.exits[index]?.code !== code)
      return `${stepName(index, exits.length)} exited with ${code}, which is how shells report ${signal}`;
  }
  return null;
}

/** The first step whose exit differs from undisturbed runs and is not 0; null if none. */
function failingStep({ exits }: Observation, baseline: Baseline): number | null {
  const at = exits.findIndex((exit, index) => {
    const [now, usual] = [exitStatus(exit), exitStatus(baseline.exits[index] ?? { code: 0, signal: null })];
    return now !== usual && now !== 0;
  });
  return at === -1 ? null : at;
}

/** An unreported difference: the exits are those of undisturbed runs, or 0. */
function differenceOf(observation: Observation, baseline: Baseline): string | null {
  const { exits, broken } = observation;
  const passes = exits.findIndex((exit, index) => exitStatus(exit) !== exitStatus(baseline.exits[index] ?? exit));
  if (passes !== -1) return `${stepName(passes, exits.length)} exits with 0, but not when undisturbed`;
  if (broken.length > 0) return `exit ${exitsText(observation)}, but ${broken[0]} does not hold`;
  const output = baseline.stdout === null ? null : departure(observation.stdout, baseline.stdout);
  if (output !== null) return `exit ${exitsText(observation)}, but its output differs: ${departureText(output)}`;
  const file = changedFile(observation.files, baseline.files);
  if (file !== null) return `exit ${exitsText(observation)}, but the file ${file}`;
  const [unsaid] = baseline.stderr === null ? [] : strangers(observation.stderr, baseline.stderr).missing;
  return unsaid === undefined ? null : `exit ${exitsText(observation)}, but stderr lacks ${quote(unsaid, SHOWN)}`;
}

function laterStep(observation: Observation, failing: number, failedIn: number): string {
  return `step ${failedIn} ended as when undisturbed, although its result was wrong: step ${failing} then failed: ${wordsOf(observation, failing)}`;
}

function leakOf({ leftover, files }: Observation, baseline: Baseline): string | null {
  const [process] = beyond(leftover, baseline.leftover);
  if (process !== undefined) return `the process ${process} is left behind`;
  const [file] = newFiles(files, baseline.files);
  return file === undefined ? null : `the file ${file} is left behind`;
}

/** Prefers what looks like an error; stdout counts if stderr has nothing new. */
function messageOf(observation: Observation, baseline: Baseline): string | null {
  for (const [text, pattern] of [
    [observation.stderr, baseline.stderr],
    [observation.stdout, baseline.stdout],
  ] as const) {
    const fresh = newLines(text, pattern);
    const error = fresh.find((line) => ERROR.test(line));
    if (error !== undefined) return error;
    if (text === observation.stderr && fresh[0] !== undefined) return fresh[0];
  }
  return null;
}

const ERROR =
  /cannot|can't|could not|unable|fail|error|memory|not allocate|no space|no buffer|too many|unavailable|fatal|abort|denied/i;

function newLines(text: string, pattern: Pattern | null): string[] {
  return (pattern === null ? text.split('\n') : strangers(text, pattern).extra).filter((line) => line.trim() !== '');
}

function departureText({ missing, extra }: Departure): string {
  const [lacks, has] = [missing, extra].map((line) => (line === null ? null : quote(line, SHOWN)));
  if (missing !== null && extra !== null && extra !== '' && missing.startsWith(extra)) {
    return `a line ends after ${groupDigits(extra.length)} of ${groupDigits(missing.length)} characters: ${has}`;
  }
  if (lacks === null || missing === '') return `${has ?? 'a line'} is extra`;
  return has === null || extra === '' ? `${lacks} is missing` : `${has} instead of ${lacks}`;
}

/** Characters that identify a line. */
const SHOWN = 60;

function exitsText({ exits }: Observation): string {
  return `${exits[0]?.code ?? 0}`;
}

function stepName(index: number, steps: number): string {
  return steps === 1 ? 'the command' : `step ${index}`;
}

function wordsOf({ exits, errors }: Observation, index: number): string {
  const [exit, error] = [exits[index], errors[index]];
  if (error != null) return `${stepName(index, exits.length)}: ${error}`;
  if (exit?.signal != null) return `${stepName(index, exits.length)} died of ${exit.signal}`;
  return `${stepName(index, exits.length)} exited with ${exit?.code ?? 'an unknown status'}`;
}
