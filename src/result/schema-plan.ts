/** The steps of a plan, as requested. The keys are those of `PlanStep`. */

import { z } from 'zod';
import { STEP_KINDS } from '../request/run-spec.ts';
import { bytesOrNull, count, countOrNull, define, flag, id, ms, msOrNull, text, textOrNull } from './definition.ts';

function is<const T extends string>(value: T, description: string) {
  return define(z.literal(value), description);
}

/** Alternatives share a row of docs/reference/results.md, which shows the first text. */
const FILE = 'File that must exist (`file`), or that is searched (`log`).';

const awaited = [
  z.strictObject({
    until: is('port', 'Kind of condition.'),
    host: text('Address of the port.'),
    port: id('Port on which a process must listen.'),
    withinMs: ms('Longest wait.'),
  }),
  z.strictObject({
    until: is('file', 'Kind of condition.'),
    file: text(FILE),
    withinMs: ms('Longest wait.'),
  }),
  z.strictObject({
    until: is('log', 'Kind of condition.'),
    pattern: text('Regular expression that a line must match.'),
    file: textOrNull(FILE, 'stdout and stderr of the steps are searched'),
    withinMs: ms('Longest wait.'),
  }),
  z.strictObject({
    until: is('http', 'Kind of condition.'),
    url: text('URL that must respond with a status below 400.'),
    withinMs: ms('Longest wait.'),
  }),
] as const;

const readiness = define(z.union(awaited).nullable(), 'When the next step may begin.', {
  whenNull: 'when this step has ended, or at once if it runs in the background',
});

const common = {
  name: textOrNull('Name of the step.', 'it has none'),
  expect: define(z.array(z.string()), 'Expectations of the step; keys are relative to the step.'),
  timeoutMs: msOrNull('Time limit of the step.', 'only the time limit of the run applies'),
};

const program = {
  ...common,
  command: define(z.array(z.string()), 'Program and arguments.'),
  env: define(z.record(z.string(), z.string()), 'Variables in addition to those of the run.'),
  cwd: textOrNull('Working directory.', 'the working directory of the run'),
  background: flag('True if the next step starts without waiting for this step to end.'),
  ready: readiness,
  stop: define(z.string(), 'Signal that stops a background step after the last step has ended.', {
    whenAbsent: 'SIGTERM',
  }),
  stops: textOrNull('Name of the background step that this command stops.', 'none'),
};

const target = z.union([
  z.strictObject({ to: is('group', 'Recipient of the signal.') }),
  z.strictObject({ to: is('step', 'Recipient of the signal.'), step: text('Name of the background step.') }),
  z.strictObject({ to: is('pid-file', 'Recipient of the signal.'), file: text('File that contains the PID.') }),
]);

const NOT_LIMITED = 'the limit is removed';

const changed = z.strictObject({
  kmem: bytesOrNull('Kernel memory.', NOT_LIMITED).optional(),
  mem: bytesOrNull('Memory.', NOT_LIMITED).optional(),
  memsw: bytesOrNull('Memory and swap combined.', NOT_LIMITED).optional(),
  kmemTcp: bytesOrNull('TCP buffers.', NOT_LIMITED).optional(),
  pids: countOrNull('Concurrent processes and threads.', 'tasks', NOT_LIMITED).optional(),
});

const waiting = z.union([
  ...awaited,
  z.strictObject({ until: is('passed', 'Kind of condition.'), ms: ms('Duration of the wait.') }),
  z.strictObject({
    until: is('step', 'Kind of condition.'),
    step: text('Name of the background step that must end.'),
    withinMs: ms('Longest wait.'),
  }),
  z.strictObject({
    until: is('empty', 'Kind of condition.'),
    withinMs: ms('Longest wait until the group is empty.'),
  }),
]);

const step = z.union([
  z.strictObject({ kind: is('command', 'Kind of step, as in `steps`.'), ...program }),
  z.strictObject({ kind: is('outside', 'Kind of step, as in `steps`.'), ...program }),
  z.strictObject({
    kind: is('http', 'Kind of step, as in `steps`.'),
    ...common,
    method: text('Method of the request.'),
    url: text('URL of the request.'),
    headers: define(z.record(z.string(), z.string()), 'Headers of the request.'),
    body: textOrNull('Body of the request.', 'none'),
    withinMs: ms('How long the request is retried; 0: it is not retried.'),
  }),
  z.strictObject({
    kind: is('signal', 'Kind of step, as in `steps`.'),
    ...common,
    signal: text('Name of the signal.'),
    target: define(target, 'Recipient of the signal.'),
  }),
  z.strictObject({
    kind: is('limits', 'Kind of step, as in `steps`.'),
    ...common,
    limits: define(changed, 'Limits that change.'),
  }),
  z.strictObject({
    kind: is('wait', 'Kind of step, as in `steps`.'),
    ...common,
    waiting: define(waiting, 'Kind of condition.'),
  }),
]);

export const planSchema = define(z.array(step), 'The steps of a plan.');

export function exitSchema(of: string) {
  return define(
    z.strictObject({
      code: define(
        z.int().nullable(),
        `Exit code of ${of}${of === 'the step' ? '; for a step that runs no program, 0 for success and 1 for failure' : ''}.`,
        { whenNull: 'it did not exit by itself, or never ran' },
      ),
      signal: textOrNull(`Name of the signal that killed ${of}, e.g. \`SIGSEGV\`.`, 'no signal killed it'),
    }),
    `How ${of} ended. Both keys are null if it never ran or its end was not observed.`,
  );
}

const UNLIMITED = 'unlimited, or not requested';

const NO_PROGRAM = 'the step runs no program, or no expectation of a step reads its output';

const answer = z.strictObject({
  status: define(z.int().nullable(), 'Status of the last response.', { whenNull: 'there was no response' }),
  body: textOrNull('First 16 KiB of the response body.', 'there was no response'),
  attempts: count('Number of requests.', 'requests'),
});

const stepRecord = z.strictObject({
  name: textOrNull('Name of the step in the plan.', 'it has none'),
  kind: define(
    z.enum(STEP_KINDS),
    'Kind of step: `command`, a program in the group; `outside`, a program outside it (a client); `http`, a request by kmem-run; `signal`; ' +
      '`limits`, a change of limits; `wait`. Without a plan, every step is a `command`.',
    { whenAbsent: 'command' },
  ),
  command: text('The command as one line; for other kinds of step, a description.'),
  background: flag('Whether the next step started without waiting for the end of this step.'),
  stopped: flag(
    'Whether kmem-run stopped the step because it was still running in the background when the plan ended.',
  ),
  readyMs: msOrNull(
    'Time from the start of the step until it was ready and the next step could start.',
    'the step has no `ready` condition, or was never ready',
  ),
  error: textOrNull(
    'Why kmem-run marked the step as failed: it was not ready in time, its request got no response, its own time limit expired …',
    'kmem-run did not mark the step as failed',
  ),
  http: define(answer.nullable(), 'Response to the request.', { whenNull: 'the step is no request' }),
  stdout: textOrNull(
    'Standard output while the step ran: the first and the last 16 KiB, with `…` in between if bytes are left out.',
    NO_PROGRAM,
  ),
  stderr: textOrNull('Standard error while the step ran, truncated like `stdout`.', NO_PROGRAM),
  exit: exitSchema('the step'),
  atMs: msOrNull('Time at which the step started, from exec.', 'it never started'),
  wallMs: msOrNull('Duration of the step.', 'the step never started, or its end was not observed'),
  failcnt: countOrNull(
    'Increase of `kmem.failcnt` from the start of the step to the start of the next one, or to the end of the run. It includes daemons of this and ' +
      'earlier steps, even during a step outside the group. If several steps run in the group at once, each denial is attributed to one step: under the gate, ' +
      'the step of the process; in `native` mode, the latest foreground step or, if there is none, the latest step. The values of all steps add up to the value of the run.',
    'as `kmem.failcnt`',
    'the counter could not be read, or the step ran outside the group while a step in the group ran in the background',
  ),
  kmemMaxUsage: bytesOrNull(
    "Highest kernel memory of the group in the same interval as `failcnt`: the kernel's high-water mark, reset when the step starts; on cgroup v2, the highest reading.",
    'as `failcnt`',
  ),
  limits: define(
    z
      .strictObject({
        kmem: bytesOrNull('Kernel memory.', UNLIMITED),
        mem: bytesOrNull('Memory.', UNLIMITED),
        memsw: bytesOrNull('Memory and swap combined.', UNLIMITED),
        kmemTcp: bytesOrNull('TCP buffers.', UNLIMITED),
        pids: countOrNull('Concurrent processes and threads.', 'tasks', UNLIMITED),
      })
      .nullable(),
    'Limits of the group when the step started, even if the step ran outside the group; for a `limits` step, the limits after it.',
    { whenNull: 'unknown' },
  ),
  kmemUsage: bytesOrNull(
    'Kernel memory of the group when a `limits` step changed the kmem limit. If it is above the new limit, `kmem.overshoot` counts only ' +
      'the growth beyond it, until usage has been observed below the limit.',
    'the step did not change the kmem limit',
  ),
});

export const stepsSchema = define(
  z.array(stepRecord),
  'The command (step 0) and further steps, in the order in which they ran; empty if nothing ran.',
);
