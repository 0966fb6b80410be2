/**
 * A scenario file: every key, what it may hold, and what it means. The schema for editors is made from it. Loads zod.
 * Values are checked by the readers that a run has, so that a file and a command line are held to the same.
 */

import { z } from 'zod';
import { SetupError } from '../errors.ts';
import { compileExpectation, compileStepExpectation } from '../request/expect.ts';
import * as read from '../request/fields.ts';
import { CGROUP, ENFORCE, ERRNO, ON_ESCAPE, ON_FAULT, ON_OVERRUN, WAIT } from '../request/normalise.ts';
import { readPattern, readPort, readUrl } from '../request/read-plan.ts';
import { readBaselineName } from './baseline/place.ts';
import type { BaselineFigure, FIGURES } from './baseline/types.ts';
import { readTolerance } from './baseline/types.ts';

z.config({ jitless: true });

/** What a reader refuses is an issue at this place; `hint` goes with it. A placeholder is not there to be read yet. */
function reads<S extends z.ZodType>(schema: S, reader: (value: unknown) => unknown) {
  return schema.superRefine((value, context) => {
    if (typeof value === 'string' && /\$\{/.test(value)) return;
    try {
      reader(value);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      context.addIssue({
        code: 'custom',
        message: error.message.replace(/^value: /, ''),
        params: { hint: error.hint },
      });
    }
  });
}

function named(reader: read.Reader<unknown>) {
  return (value: unknown): unknown => reader(value, 'value');
}

const text = z.string().min(1);
const size = reads(z.union([z.int(), text]), named(read.limit)).nullable();
const amount = reads(z.union([z.int(), text]), named(read.size));
// A bare number would be milliseconds to the library and seconds to the command line.
const time = z
  .string({ error: 'a duration has a unit: 500ms, 30s, 2m' })
  .regex(/[a-z}]$|^empty$/, 'a duration has a unit: 500ms, 30s, 2m');
const duration = reads(time, named(read.duration));
const positive = reads(time, named(read.positiveDuration));
const pause = reads(time, (value) => (value === 'empty' ? null : read.duration(value, 'value')));
const pids = reads(z.union([z.int(), text]), named(read.pids)).nullable();
const port = reads(z.union([z.int(), text]), named(readPort));
const pattern = reads(text, named(readPattern));
const url = reads(text, named(readUrl));
const line = z.union([text, z.array(z.string()).min(1)]);
const variables = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
function list<S extends z.ZodType>(one: S) {
  return z.union([one, z.array(one)]);
}

const limits = z.strictObject({
  kmem: size.optional().describe('Kernel memory, such as 900K or 4M; null: no limit.'),
  mem: size.optional().describe('Memory.'),
  memsw: size.optional().describe('Memory and swap together; needs mem.'),
  kmemTcp: size.optional().describe('TCP buffers (cgroup v1).'),
  pids: pids.optional().describe('Processes and threads at one time.'),
});

const awaited = {
  port: port.optional().describe('Somebody listens there.'),
  host: text.optional().describe('The address; 127.0.0.1 where it is left out.'),
  file: text.optional().describe('The file is there; beside log the file to look into.'),
  log: pattern.optional().describe('A regular expression for a line, of file or of what the steps have written.'),
  http: url.optional().describe('It is answered below 400.'),
  within: positive.optional().describe('How long it may take (10s).'),
};

function ofStep(value: unknown) {
  return compileStepExpectation(value as string, 0);
}

const stepExpect = list(reads(text, ofStep)).describe(
  'What must hold of the step: exit!=0, failcnt>0, status==200, body~/works/, stderr~/Cannot allocate/ …',
);

const request = z.strictObject({
  url: url.describe('What is asked for.'),
  method: text.optional().describe('GET where it is left out.'),
  headers: variables.optional().describe('Headers of the request.'),
  body: text.optional().describe('Body of the request.'),
});

export const stepSchema = z.strictObject({
  name: text.optional().describe('Names the step in reports, and for signal and wait.'),
  run: line.optional().describe('A line for sh -c, or program and arguments: a step in the group.'),
  outside: z.boolean().optional().describe('Beside run: outside the group, as a client.'),
  background: z
    .boolean()
    .optional()
    .describe('Beside run: the next step does not wait for its end; it is ended after the last step.'),
  stop: text.optional().describe('Beside background: the signal that ends it after the last step (TERM).'),
  stops: text
    .optional()
    .describe('Beside run: the background step that this one ends, which may then die of a signal.'),
  ready: z.strictObject(awaited).optional().describe('Beside run: what the next step waits for.'),
  env: variables.optional().describe('Beside run: variables.'),
  cwd: text.optional().describe('Beside run: the working folder.'),
  http: z
    .union([url, request])
    .optional()
    .describe('A request, by kmem-run itself: a URL, or url, method, headers, body.'),
  within: duration.optional().describe('Beside http: how long it is tried again until it is answered as expected (0).'),
  signal: text.optional().describe('A signal, such as TERM or HUP.'),
  to: z
    .union([z.literal('group'), z.strictObject({ step: text.optional(), pidFile: text.optional() })])
    .optional()
    .describe('Beside signal: group (all of it), step (a background step), or pidFile.'),
  limits: limits.optional().describe('Limits of the group that change now, and hold from here on; null: no limit.'),
  wait: z

    .union([pause, z.strictObject({ ...awaited, step: text.optional(), empty: z.literal(true).optional() })])
    .optional()
    .describe('Wait: a duration, empty, or port, file, log, http, or step (the end of a background step).'),
  expect: stepExpect.optional(),
  timeout: positive.nullable().optional().describe('The step is ended after that; the run goes on.'),
});

const kernelSettings = z.strictObject({
  limits: limits.optional().describe('Limits there; those that are not named stay as they are.'),
  timeout: positive.nullable().optional(),
  expect: list(
    reads(
      text,
      named((value) => compileExpectation(value as string)),
    ),
  )
    .optional()
    .describe('Instead of expect.'),
});

const needs = z.strictObject({
  commands: list(text).optional().describe('Programs that have to be in PATH.'),
  packages: list(text).optional().describe('The Debian packages that have what it needs.'),
  files: list(text).optional().describe('Files that have to be there.'),
  linux: reads(z.union([text, z.number()]), (value) => {
    if (/^[0-9]+(\.[0-9]+){0,2}$/.test(String(value))) return;
    throw new SetupError('bad-version', `${value} is not a version of Linux`, 'write one such as 5.14');
  })
    .optional()
    .describe('The oldest version of Linux on which it makes sense.'),
  root: z.boolean().optional().describe('Whether it has to be run by root.'),
  cgroup: z.enum(['v1', 'v2']).optional().describe('The version of cgroups that it is about.'),
});

function tolerance(figure: BaselineFigure) {
  return reads(text, (value) => readTolerance(value as string, figure));
}

const tolerances = z.strictObject({
  kmem: tolerance('kmem').optional().describe('Of the peak of kernel memory: 10%, 64K.'),
  failcnt: tolerance('failcnt').optional().describe('Of failcnt: 50%, 3.'),
  mem: tolerance('mem').optional().describe('Of the peak of memory, where that is limited.'),
  kmemTcp: tolerance('kmemTcp').optional().describe('Of the peak of TCP buffers, where these are limited.'),
} satisfies Record<(typeof FIGURES)[number], z.ZodType>);

const baseline = z.strictObject({
  file: reads(text, (value) => readBaselineName(value as string))
    .optional()
    .describe('Where it is kept, beside this file: baseline.yaml, or a name that ends in .baseline.yaml.'),
  tolerance: z
    .union([tolerance('kmem'), tolerances])
    .optional()
    .describe('By how much a median may differ: a share of all figures (10%), a size, or kmem, failcnt, mem, kmemTcp.'),
});

/** All but the steps' meaning, which readPlan() has. */
export const scenarioSchema = z.strictObject({
  name: text.optional().describe("By which it is run; the file's own where it is left out."),
  description: text.describe('What a reader learns from it; the first line is shown in lists.'),
  tags: list(reads(text, tagOf)).optional().describe('Words to select scenarios by.'),
  needs: needs.optional().describe('What has to be there; what is missing is said, with the package that has it.'),
  kernels: list(text)
    .optional()
    .describe('Where it holds: host, and names of kernels that --kernel boots. The first one is the default (host).'),
  on: z.record(z.string(), kernelSettings).optional().describe('What differs on a kernel (or on host), by its name.'),
  setUp: list(text).optional().describe('Lines for sh, before the group is made and outside it, in ${dir}.'),
  cleanUp: list(text).optional().describe('Lines for sh, when all is over, however it went.'),
  limits: limits.optional().describe('Limits of the group.'),
  steps: z.array(stepSchema).min(1).describe('What happens while the group lives, one after the other.'),
  expect: list(
    reads(
      text,
      named((value) => compileExpectation(value as string)),
    ),
  )
    .optional()
    .describe('What must hold of the whole run: failcnt>0, kmem.maxUsage<=4M, steps[2].exit!=0 …'),
  repeat: z.int().min(1).max(10_000).optional().describe('How often it is run; all have to pass (1).'),
  baseline: z
    .union([z.literal(false), baseline])
    .optional()
    .describe('How it is held to what --update-baseline measured; false: not at all.'),
  timeout: positive.nullable().optional().describe('For all steps together (1m).'),
  enforce: z.enum(ENFORCE).optional().describe('How the kmem limit is made to bite.'),
  cgroup: z.enum(CGROUP).optional().describe('The version of cgroups to use.'),
  reserve: amount.nullable().optional().describe('What the gate keeps free below the kmem limit.'),
  errno: z.enum(ERRNO).optional().describe('The errors that denied calls get.'),
  reclaim: z.boolean().optional().describe('Ask the kernel to reclaim before a call is denied.'),
  rcuWait: z.boolean().optional().describe('Before a call is denied, wait until what ended processes leave is freed.'),
  allowIoUring: z.boolean().optional().describe('Let io_uring through, ungated.'),
  onOverrun: z.enum(ON_OVERRUN).optional().describe('When usage stays above the limit with no call to deny.'),
  onEscape: z.enum(ON_ESCAPE).optional().describe('When a process leaves the group.'),
  onFault: z.enum(ON_FAULT).optional().describe('What ends a page fault over the limit.'),
  grace: duration.optional().describe('From SIGTERM to SIGKILL (2s).'),
  hold: duration.optional().describe('Keep the group for a while after the last step.'),
  wait: z
    .enum(WAIT)
    .optional()
    .describe(
      'When the run is over: the last step has exited and the group is empty or quiet (quiet), exit, or empty.',
    ),
  quietFor: duration.optional().describe('How long nothing happens in a quiet group (500ms).'),
  quietLimit: duration.optional().describe('The longest wait for a quiet group (5s).'),
  sample: z
    .union([duration, z.literal('off')])
    .nullable()
    .optional()
    .describe('Time between samples (50ms).'),
  cpus: reads(z.union([text, z.array(z.int())]), () => {})
    .optional()
    .describe('Bind to these CPUs, such as 0 or 0,2-3.'),
  aslr: z.boolean().optional().describe('Leave address-space randomisation on.'),
  user: z.union([text, z.int()]).optional().describe('Run the steps in the group as this user.'),
  cwd: text.optional().describe('Working folder; ${dir} where it is left out.'),
  env: variables.optional().describe('Variables of all steps, and of setUp and cleanUp.'),
  clearEnv: z.boolean().optional().describe('Pass no other variables.'),
  vmMemory: amount.optional().describe('Memory of the microVM (1G).'),
  vmCpus: z.union([z.int(), text]).optional().describe('Its processors (1).'),
});

export type ScenarioFile = z.infer<typeof scenarioSchema>;

function tagOf(value: unknown): void {
  if (/^[A-Za-z0-9][\w.-]*$/.test(String(value))) return;
  throw new SetupError('bad-tag', `${JSON.stringify(value)} is no tag`, 'letters, digits, - and . make a tag');
}

/** JSON Schema (draft 2020-12) of a scenario file, for editors. */
export function scenarioJsonSchema(): z.core.JSONSchema.BaseSchema {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input' });
  return { ...schema, title: 'A scenario of kmem-run' };
}
