/** The steps of a plan, as part of what was asked for. The keys are those of `PlanStep`. */

import { z } from 'zod';
import { STEP_KINDS } from '../request/run-spec.ts';
import { bytesOrNull, count, countOrNull, define, flag, id, ms, msOrNull, text, textOrNull } from './definition.ts';

function is<const T extends string>(value: T, description: string) {
  return define(z.literal(value), description);
}

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

const NOT_LIMITED = 'no limit any more';

const changed = z.strictObject({
  kmem: bytesOrNull('Kernel memory.', NOT_LIMITED).optional(),
  mem: bytesOrNull('Memory.', NOT_LIMITED).optional(),
  memsw: bytesOrNull('Memory and swap together.', NOT_LIMITED).optional(),
  kmemTcp: bytesOrNull('TCP buffers.', NOT_LIMITED).optional(),
  pids: countOrNull('Processes and threads at one time.', 'tasks', NOT_LIMITED).optional(),
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

export function exitSchema(of: string) {
  return define(
    z.strictObject({
      code: define(
        z.int().nullable(),
        `Exit code of ${of}${of === 'the step' ? '; where that is no program 0 for done, 1 for failed' : ''}.`,
        { whenNull: 'it did not exit by itself, or never ran' },
      ),
      signal: textOrNull(`Name of the signal that killed ${of}, e.g. \`SIGSEGV\`.`, 'no signal killed it'),
    }),
    `How ${of} ended. Both keys are null where it never ran or its end was not seen.`,
  );
}

const UNLIMITED = 'unlimited, or not asked for';

const NO_PROGRAM = 'not a step that runs a program whose output an expectation of a step reads';

const answer = z.strictObject({
  status: define(z.int().nullable(), 'Status of the last answer.', { whenNull: 'there was no answer' }),
  body: textOrNull('The beginning of its body, up to 16 KiB.', 'there was no answer'),
  attempts: count('How often it was asked.', 'requests'),
});

const stepRecord = z.strictObject({
  name: textOrNull('Its name in the plan.', 'it has none'),
  kind: define(
    z.enum(STEP_KINDS),
    'What it is: `command`, a program in the group; `outside`, one outside, a client; `http`, a request by kmem-run; `signal`; `limits`, changed ' +
      'limits; `wait`. Without a plan every step is a `command`.',
    { whenAbsent: 'command' },
  ),
  command: text('The command as a line; of another kind of step what it does.'),
  background: flag('Whether the next step did not wait for its end.'),
  stopped: flag('Whether it was still running in the background when the plan was over, and was ended by kmem-run.'),
  readyMs: msOrNull(
    'How long it took until the next step could begin, from when it began.',
    'it says nothing of being ready, or it never was',
  ),
  error: textOrNull(
    'Why kmem-run says that it failed: it was not ready in time, was not answered, ran out of its own time …',
    'nothing of the kind',
  ),
  http: define(answer.nullable(), 'What a request was answered.', { whenNull: 'not a request' }),
  stdout: textOrNull(
    'What was written there while it ran: the first and the last 16 KiB, with `…` between where bytes are left out.',
    NO_PROGRAM,
  ),
  stderr: textOrNull('As `stdout`.', NO_PROGRAM),
  exit: exitSchema('the step'),
  atMs: msOrNull('When it began, from exec.', 'it never began'),
  wallMs: msOrNull('How long it took.', 'it never began, or its end was not seen'),
  failcnt: countOrNull(
    'How much `kmem.failcnt` rose between the start of the step and the start of the next one, or the end of the run. It includes daemons of this and ' +
      'earlier steps, also during a step outside the group. If several steps of the group run at once, each denial counts for one step: under the gate ' +
      'for that of the process, in `native` mode for the latest step, in the foreground first. So the steps add up to the run.',
    'as `kmem.failcnt`',
    'could not be read; or a step outside the group while one in the group ran in the background',
  ),
  kmemMaxUsage: bytesOrNull(
    "The group's highest kernel memory in the same time: the kernel's high-water mark, reset when the step began; on cgroup v2 the highest reading.",
    'as `failcnt`',
  ),
  limits: define(
    z
      .strictObject({
        kmem: bytesOrNull('Kernel memory.', UNLIMITED),
        mem: bytesOrNull('Memory.', UNLIMITED),
        memsw: bytesOrNull('Memory and swap together.', UNLIMITED),
        kmemTcp: bytesOrNull('TCP buffers.', UNLIMITED),
        pids: countOrNull('Processes and threads at one time.', 'tasks', UNLIMITED),
      })
      .nullable(),
    'The limits that were in force when the step began; of a `limits` step those that it left. Of the group, also where the step runs outside it.',
    { whenNull: 'not known' },
  ),
  kmemUsage: bytesOrNull(
    "The group's kernel memory when a `limits` step changed the kmem limit. Where that is above the limit, it is what was there before: `kmem.overshoot` " +
      'counts only what comes on top of it, until usage has been seen below the limit.',
    'not a step that changed the kmem limit',
  ),
});

export const stepsSchema = define(
  z.array(stepRecord),
  'The command (0) and the further steps, in the order in which they ran; empty if nothing ran.',
);
