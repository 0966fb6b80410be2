/** The steps of a plan, as part of what was asked for. The keys are those of `PlanStep`. */

import { z } from 'zod';
import { bytesOrNull, countOrNull, define, flag, id, ms, msOrNull, text, textOrNull } from './definition.ts';

const is = <const T extends string>(value: T, description: string) => define(z.literal(value), description);

const awaited = [
  z.strictObject({
    until: is('port', 'What is waited for.'),
    host: text('The address.'),
    port: id('The port on which somebody has to listen.'),
    withinMs: ms('How long it may take.'),
  }),
  z.strictObject({
    until: is('file', 'What is waited for.'),
    file: text('The file that has to be there.'),
    withinMs: ms('How long it may take.'),
  }),
  z.strictObject({
    until: is('log', 'What is waited for.'),
    pattern: text('The regular expression for a line.'),
    file: textOrNull('The file.', 'what the steps have written to stdout and stderr'),
    withinMs: ms('How long it may take.'),
  }),
  z.strictObject({
    until: is('http', 'What is waited for.'),
    url: text('What has to be answered below 400.'),
    withinMs: ms('How long it may take.'),
  }),
] as const;

const readiness = define(z.union(awaited).nullable(), 'When the next step may begin.', {
  whenNull: 'when this one has ended; of a background step at once',
});

const common = {
  name: textOrNull('Its name.', 'it has none'),
  expect: define(z.array(z.string()), 'What must hold of it, relative to the step.'),
  timeoutMs: msOrNull('When it is ended by kmem-run.', 'with the run'),
};

const program = {
  ...common,
  command: define(z.array(z.string()), 'Program and arguments.'),
  env: define(z.record(z.string(), z.string()), "Variables beside the run's own."),
  cwd: textOrNull('Its working folder.', "the run's"),
  background: flag('Whether the next step does not wait for its end.'),
  ready: readiness,
  stop: define(z.string(), 'The signal that ends it after the last step, when it runs in the background.', {
    whenAbsent: 'SIGTERM',
  }),
  stops: textOrNull('The background step that it ends, by its name.', 'none'),
};

const target = z.union([
  z.strictObject({ to: is('group', 'Whom it is for.') }),
  z.strictObject({ to: is('step', 'Whom it is for.'), step: text('The name of a background step.') }),
  z.strictObject({ to: is('pid-file', 'Whom it is for.'), file: text('The file with the number of the process.') }),
]);

const notLimited = 'no limit any more';

const changed = z.strictObject({
  kmem: bytesOrNull('Kernel memory.', notLimited).optional(),
  mem: bytesOrNull('Memory.', notLimited).optional(),
  memsw: bytesOrNull('Memory and swap together.', notLimited).optional(),
  kmemTcp: bytesOrNull('TCP buffers.', notLimited).optional(),
  pids: countOrNull('Processes and threads at one time.', 'tasks', notLimited).optional(),
});

const waiting = z.union([
  ...awaited,
  z.strictObject({ until: is('passed', 'What is waited for.'), ms: ms('That time has passed.') }),
  z.strictObject({
    until: is('step', 'What is waited for.'),
    step: text('The name of the background step that has to end.'),
    withinMs: ms('How long it may take.'),
  }),
  z.strictObject({
    until: is('empty', 'What is waited for.'),
    withinMs: ms('How long it may take until the group is empty.'),
  }),
]);

const step = z.union([
  z.strictObject({ kind: is('command', 'What it is, as in `steps`.'), ...program }),
  z.strictObject({ kind: is('outside', 'What it is, as in `steps`.'), ...program }),
  z.strictObject({
    kind: is('http', 'What it is, as in `steps`.'),
    ...common,
    method: text('The method.'),
    url: text('What is asked for.'),
    headers: define(z.record(z.string(), z.string()), 'Headers of the request.'),
    body: textOrNull('Body of the request.', 'none'),
    withinMs: ms('How long it is tried again; 0: not at all.'),
  }),
  z.strictObject({
    kind: is('signal', 'What it is, as in `steps`.'),
    ...common,
    signal: text('Its name.'),
    target: define(target, 'Whom it is for.'),
  }),
  z.strictObject({
    kind: is('limits', 'What it is, as in `steps`.'),
    ...common,
    limits: define(changed, 'Those that change.'),
  }),
  z.strictObject({ kind: is('wait', 'What it is, as in `steps`.'), ...common, waiting: define(waiting, 'What for.') }),
]);

export const planSchema = define(z.array(step), 'The steps of a plan.');
