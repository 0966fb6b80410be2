/**
 * The scenario file: every key, its type and its meaning. The schema for editors is generated from it. Loads zod. The
 * readers of a run check the values, so that the same rules apply to a file and to a command line.
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

/** What a reader rejects becomes an issue at this place, with its `hint`. Values with placeholders are checked later. */
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
  .string({ error: 'a duration requires a unit: 500ms, 30s, 2m' })
  .regex(/[a-z}]$|^empty$/, 'a duration requires a unit: 500ms, 30s, 2m');
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
  memsw: size.optional().describe('Memory and swap together; requires mem.'),
  kmemTcp: size.optional().describe('TCP buffers (cgroup v1).'),
  pids: pids.optional().describe('Concurrent processes and threads.'),
});

const awaited = {
  port: port.optional().describe('Wait until something listens on this port.'),
  host: text.optional().describe('The address of port (default: 127.0.0.1).'),
  file: text.optional().describe('Wait until this file exists; with log: the file to search.'),
  log: pattern
    .optional()
    .describe('Wait for a line that matches this regular expression, in file or in the output of the steps.'),
  http: url.optional().describe('Wait until this URL answers with a status below 400.'),
  within: positive.optional().describe('The longest time to wait (default: 10s).'),
};

function ofStep(value: unknown) {
  return compileStepExpectation(value as string, 0);
}

const stepExpect = list(reads(text, ofStep)).describe(
  'What the step must satisfy: exit!=0, failcnt>0, status==200, body~/works/, stderr~/Cannot allocate/ …',
);

const request = z.strictObject({
  url: url.describe('The URL to request.'),
  method: text.optional().describe('The method (default: GET).'),
  headers: variables.optional().describe('Headers of the request.'),
  body: text.optional().describe('Body of the request.'),
});

export const stepSchema = z.strictObject({
  name: text.optional().describe('The name of the step, for reports, signal and wait.'),
  run: line.optional().describe('A command to run in the group: a line for sh -c, or a list of program and arguments.'),
  outside: z.boolean().optional().describe('Start the command outside the group, as a client (requires run).'),
  background: z
    .boolean()
    .optional()
    .describe('Do not wait for the command to end; it is stopped after the last step (requires run).'),
  stop: text.optional().describe('The signal that stops a background command after the last step (default: TERM).'),
  stops: text
    .optional()
    .describe('The background step that this command stops (requires run). A signal may kill that step.'),
  ready: z.strictObject(awaited).optional().describe('What must be ready before the next step starts (requires run).'),
  env: variables.optional().describe('Environment variables of the command (requires run).'),
  cwd: text.optional().describe('The working directory of the command (requires run).'),
  http: z
    .union([url, request])
    .optional()
    .describe('A request that kmem-run makes: a URL, or an object with url, method, headers and body.'),
  within: duration
    .optional()
    .describe('How long to retry until the response is as expected (requires http; default: 0).'),
  signal: text.optional().describe('A signal to send, such as TERM or HUP.'),
  to: z
    .union([z.literal('group'), z.strictObject({ step: text.optional(), pidFile: text.optional() })])
    .optional()
    .describe('The target of signal: group (all processes), step (a background step) or pidFile.'),
  limits: limits.optional().describe('New limits of the group from this step on; null: no limit.'),
  wait: z

    .union([pause, z.strictObject({ ...awaited, step: text.optional(), empty: z.literal(true).optional() })])
    .optional()
    .describe(
      'Wait for a duration, until the group is empty, for port, file, log or http, or for the end of a background step.',
    ),
  expect: stepExpect.optional(),
  timeout: positive.nullable().optional().describe('The step is stopped after this time; the run continues.'),
});

const kernelSettings = z.strictObject({
  limits: limits.optional().describe('Limits on this kernel; the other limits stay the same.'),
  timeout: positive.nullable().optional(),
  expect: list(
    reads(
      text,
      named((value) => compileExpectation(value as string)),
    ),
  )
    .optional()
    .describe('Expectations on this kernel, instead of expect.'),
});

const needs = z.strictObject({
  commands: list(text).optional().describe('Programs that must be in PATH.'),
  packages: list(text).optional().describe('The Debian packages that provide what the scenario needs.'),
  files: list(text).optional().describe('Files that must exist.'),
  linux: reads(z.union([text, z.number()]), (value) => {
    if (/^[0-9]+(\.[0-9]+){0,2}$/.test(String(value))) return;
    throw new SetupError('bad-version', `${value} is not a Linux version`, 'use a version such as 5.14');
  })
    .optional()
    .describe('The oldest version of Linux that the scenario supports.'),
  root: z.boolean().optional().describe('Whether the scenario requires root.'),
  cgroup: z.enum(['v1', 'v2']).optional().describe('The version of cgroups that the scenario requires.'),
});

function tolerance(figure: BaselineFigure) {
  return reads(text, (value) => readTolerance(value as string, figure));
}

const tolerances = z.strictObject({
  kmem: tolerance('kmem').optional().describe('Tolerance of the peak of kernel memory: 10%, 64K.'),
  failcnt: tolerance('failcnt').optional().describe('Tolerance of failcnt: 50%, 3.'),
  mem: tolerance('mem').optional().describe('Tolerance of the peak of memory, if memory is limited.'),
  kmemTcp: tolerance('kmemTcp').optional().describe('Tolerance of the peak of TCP buffers, if they are limited.'),
} satisfies Record<(typeof FIGURES)[number], z.ZodType>);

const baseline = z.strictObject({
  file: reads(text, (value) => readBaselineName(value as string))
    .optional()
    .describe('The baseline file in the folder of this file: baseline.yaml, or a name that ends in .baseline.yaml.'),
  tolerance: z
    .union([tolerance('kmem'), tolerances])
    .optional()
    .describe(
      'How much a median may differ: a share for all figures (10%), a size, or one for each of kmem, failcnt, mem, kmemTcp.',
    ),
});

/** The whole file. readPlan() checks what the steps mean. */
export const scenarioSchema = z.strictObject({
  name: text.optional().describe('The name of the scenario (default: the name of the file).'),
  description: text.describe('What the scenario shows. Lists show the first line only.'),
  tags: list(reads(text, tagOf)).optional().describe('Tags to select scenarios by.'),
  needs: needs
    .optional()
    .describe('Requirements. A missing requirement is reported with the package that provides it.'),
  kernels: list(text)
    .optional()
    .describe(
      'The kernels that the scenario is for: host, and names for --kernel. The first one is the default (host).',
    ),
  on: z.record(z.string(), kernelSettings).optional().describe('Other settings for a kernel (or host), by its name.'),
  setUp: list(text).optional().describe('Lines for sh, run in ${dir} outside the group, before the group is made.'),
  cleanUp: list(text).optional().describe('Lines for sh, run at the end, whatever the outcome.'),
  limits: limits.optional().describe('Limits of the group.'),
  steps: z.array(stepSchema).min(1).describe('The steps, one after the other, while the group exists.'),
  expect: list(
    reads(
      text,
      named((value) => compileExpectation(value as string)),
    ),
  )
    .optional()
    .describe('What the run must satisfy: failcnt>0, kmem.maxUsage<=4M, steps[2].exit!=0 …'),
  repeat: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('How many times to run the scenario (default: 1). All runs must pass.'),
  baseline: z
    .union([z.literal(false), baseline])
    .optional()
    .describe('How runs are compared with the baseline of --update-baseline; false: no comparison.'),
  timeout: positive.nullable().optional().describe('The time limit of all steps together (default: 1m).'),
  enforce: z.enum(ENFORCE).optional().describe('How the kmem limit is enforced.'),
  cgroup: z.enum(CGROUP).optional().describe('The version of cgroups to use.'),
  reserve: amount.nullable().optional().describe('The memory that the gate keeps free below the kmem limit.'),
  errno: z.enum(ERRNO).optional().describe('The errors with which denied calls fail.'),
  reclaim: z.boolean().optional().describe('Before a call is denied, ask the kernel to reclaim memory.'),
  rcuWait: z
    .boolean()
    .optional()
    .describe('Before a call is denied, wait until the memory of exited processes is freed.'),
  profile: z
    .boolean()
    .optional()
    .describe('Record what kernel memory consists of, by kind, system call and stack (requires Linux 6.1).'),
  allowIoUring: z.boolean().optional().describe('Allow io_uring, whose operations are not gated.'),
  onOverrun: z
    .enum(ON_OVERRUN)
    .optional()
    .describe('What to do if usage stays above the limit and no call can be denied.'),
  onEscape: z.enum(ON_ESCAPE).optional().describe('What to do if a process leaves the group.'),
  onFault: z.enum(ON_FAULT).optional().describe('What to do about a page fault over the limit.'),
  grace: duration.optional().describe('The time between SIGTERM and SIGKILL (default: 2s).'),
  hold: duration.optional().describe('Keep the group for a while after the last step.'),
  wait: z
    .enum(WAIT)
    .optional()
    .describe(
      'When the run ends: when the last step has exited (exit) and the group is empty (empty), or empty or quiet (quiet).',
    ),
  quietFor: duration.optional().describe('How long a group must be idle to be quiet (default: 500ms).'),
  quietLimit: duration.optional().describe('The longest time to wait for a quiet group (default: 5s).'),
  sample: z
    .union([duration, z.literal('off')])
    .nullable()
    .optional()
    .describe('The time between samples (default: 50ms).'),
  cpus: reads(z.union([text, z.array(z.int())]), () => {})
    .optional()
    .describe('CPUs to bind to, such as 0 or 0,2-3.'),
  aslr: z.boolean().optional().describe('Leave address-space randomisation on.'),
  user: z.union([text, z.int()]).optional().describe('Run the steps in the group as this user.'),
  cwd: text.optional().describe('The working directory (default: ${dir}).'),
  env: variables.optional().describe('Environment variables of all steps, setUp and cleanUp.'),
  clearEnv: z.boolean().optional().describe('Pass no other variables.'),
  vmMemory: amount.optional().describe('Memory of the microVM (default: 1G).'),
  vmCpus: z.union([z.int(), text]).optional().describe('CPUs of the microVM (default: 1).'),
});

export type ScenarioFile = z.infer<typeof scenarioSchema>;

function tagOf(value: unknown): void {
  if (/^[A-Za-z0-9][\w.-]*$/.test(String(value))) return;
  throw new SetupError('bad-tag', `invalid tag: ${JSON.stringify(value)}`, 'use letters, digits, - and .');
}

/** JSON Schema (draft 2020-12) of a scenario file, for editors. */
export function scenarioJsonSchema(): z.core.JSONSchema.BaseSchema {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input' });
  return { ...schema, title: 'A scenario of kmem-run' };
}
