/**
 * The scenario file: every key, its type and its meaning. The schema for editors is made from it. Loads zod.
 * The readers of a run check the values, so that the same rules apply to a file and to a command line.
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
  memsw: size.optional().describe('Memory and swap combined; requires mem.'),
  kmemTcp: size.optional().describe('TCP buffers (cgroup v1).'),
  pids: pids.optional().describe('Concurrent processes and threads.'),
});

const awaited = {
  port: port.optional().describe('A process listens on this port.'),
  host: text.optional().describe('Address of the port (127.0.0.1).'),
  file: text.optional().describe('The file exists. With log: the file to search.'),
  log: pattern.optional().describe('A line of file, or of the output of the steps, matches this regular expression.'),
  http: url.optional().describe('This URL is answered with a status below 400.'),
  within: positive.optional().describe('Longest wait (10s).'),
};

function ofStep(value: unknown) {
  return compileStepExpectation(value as string, 0);
}

const stepExpect = list(reads(text, ofStep)).describe(
  'Expectations of the step: exit!=0, failcnt>0, status==200, body~/works/, stderr~/Cannot allocate/ …',
);

const request = z.strictObject({
  url: url.describe('URL of the request.'),
  method: text.optional().describe('Method of the request (GET).'),
  headers: variables.optional().describe('Headers of the request.'),
  body: text.optional().describe('Body of the request.'),
});

export const stepSchema = z.strictObject({
  name: text.optional().describe('Name of the step in reports, and for signal and wait.'),
  run: line.optional().describe('Run a line with sh -c, or a program with arguments, in the group.'),
  outside: z.boolean().optional().describe('With run: run it outside the group, as a client.'),
  background: z
    .boolean()
    .optional()
    .describe('With run: the next step does not wait for its end; it is ended after the last step.'),
  stop: text.optional().describe('With background: the signal that ends it after the last step (TERM).'),
  stops: text
    .optional()
    .describe('With run: the background step that this one ends, which may then be killed by a signal.'),
  ready: z.strictObject(awaited).optional().describe('With run: what the next step waits for.'),
  env: variables.optional().describe('With run: environment variables.'),
  cwd: text.optional().describe('With run: the working directory.'),
  http: z
    .union([url, request])
    .optional()
    .describe('Send a request from kmem-run itself: a URL, or url, method, headers, body.'),
  within: duration
    .optional()
    .describe('With http: how long the request is retried until the response is as expected (0).'),
  signal: text.optional().describe('Send a signal, such as TERM or HUP.'),
  to: z
    .union([z.literal('group'), z.strictObject({ step: text.optional(), pidFile: text.optional() })])
    .optional()
    .describe('With signal: the recipient: group (all processes), step (a background step), or pidFile.'),
  limits: limits.optional().describe('Change limits of the group from now on; null: no limit.'),
  wait: z

    .union([pause, z.strictObject({ ...awaited, step: text.optional(), empty: z.literal(true).optional() })])
    .optional()
    .describe('Wait for a duration, for empty, or for port, file, log, http, or step (the end of a background step).'),
  expect: stepExpect.optional(),
  timeout: positive.nullable().optional().describe('Time limit of the step; the run continues after it.'),
});

const kernelSettings = z.strictObject({
  limits: limits.optional().describe('Limits on this kernel; other limits are unchanged.'),
  timeout: positive.nullable().optional(),
  expect: list(
    reads(
      text,
      named((value) => compileExpectation(value as string)),
    ),
  )
    .optional()
    .describe('Expectations that replace expect.'),
});

const needs = z.strictObject({
  commands: list(text).optional().describe('Programs that must be in PATH.'),
  packages: list(text).optional().describe('Debian packages to install what is missing.'),
  files: list(text).optional().describe('Files that must exist.'),
  linux: reads(z.union([text, z.number()]), (value) => {
    if (/^[0-9]+(\.[0-9]+){0,2}$/.test(String(value))) return;
    throw new SetupError('bad-version', `${value} is not a version of Linux`, 'write one such as 5.14');
  })
    .optional()
    .describe('Oldest version of Linux that it supports.'),
  root: z.boolean().optional().describe('Whether it requires root.'),
  cgroup: z.enum(['v1', 'v2']).optional().describe('Version of cgroups that it requires.'),
});

function tolerance(figure: BaselineFigure) {
  return reads(text, (value) => readTolerance(value as string, figure));
}

const tolerances = z.strictObject({
  kmem: tolerance('kmem').optional().describe('Tolerance of the peak of kernel memory: 10%, 64K.'),
  failcnt: tolerance('failcnt').optional().describe('Tolerance of failcnt: 50%, 3.'),
  mem: tolerance('mem').optional().describe('Tolerance of the peak of memory, if it is limited.'),
  kmemTcp: tolerance('kmemTcp').optional().describe('Tolerance of the peak of TCP buffers, if they are limited.'),
} satisfies Record<(typeof FIGURES)[number], z.ZodType>);

const baseline = z.strictObject({
  file: reads(text, (value) => readBaselineName(value as string))
    .optional()
    .describe('File of the baseline, next to this file: baseline.yaml, or a name that ends in .baseline.yaml.'),
  tolerance: z
    .union([tolerance('kmem'), tolerances])
    .optional()
    .describe(
      'Allowed difference of a median: a percentage for all figures (10%), a size, or kmem, failcnt, mem, kmemTcp.',
    ),
});

/** The whole file. readPlan() checks what the steps mean. */
export const scenarioSchema = z.strictObject({
  name: text.optional().describe('Name for the command line (that of the file).'),
  description: text.describe('What a reader learns from it. Lists show the first line.'),
  tags: list(reads(text, tagOf)).optional().describe('Tags to select scenarios by.'),
  needs: needs.optional().describe('Requirements. kmem-run reports what is missing, with the package to install.'),
  kernels: list(text)
    .optional()
    .describe('Kernels on which it holds: host, and names that --kernel boots. The first one is the default (host).'),
  on: z
    .record(z.string(), kernelSettings)
    .optional()
    .describe('Different settings for a kernel (or for host), by its name.'),
  setUp: list(text).optional().describe('Lines that sh runs before the group is made, outside it, in ${dir}.'),
  cleanUp: list(text).optional().describe('Lines that sh always runs at the end.'),
  limits: limits.optional().describe('Limits of the group.'),
  steps: z.array(stepSchema).min(1).describe('What happens while the group exists, in order.'),
  expect: list(
    reads(
      text,
      named((value) => compileExpectation(value as string)),
    ),
  )
    .optional()
    .describe('Expectations of the whole run: failcnt>0, kmem.maxUsage<=4M, steps[2].exit!=0 …'),
  repeat: z.int().min(1).max(10_000).optional().describe('Number of runs; all must pass (1).'),
  baseline: z
    .union([z.literal(false), baseline])
    .optional()
    .describe('How it is compared with the baseline that --update-baseline measured; false: not at all.'),
  timeout: positive.nullable().optional().describe('Time limit of all steps together (1m); null: none.'),
  enforce: z.enum(ENFORCE).optional().describe('How the kmem limit is enforced (auto).'),
  cgroup: z.enum(CGROUP).optional().describe('Version of cgroups to use (auto).'),
  reserve: amount.nullable().optional().describe('What the gate keeps free below the kmem limit.'),
  errno: z
    .enum(ERRNO)
    .optional()
    .describe('Errno of denied calls: that of an enforcing kernel, or always ENOMEM (native).'),
  reclaim: z.boolean().optional().describe('Ask the kernel to reclaim before a call is denied.'),
  rcuWait: z
    .boolean()
    .optional()
    .describe('Before a call is denied, wait until the memory of ended processes is freed.'),
  allowIoUring: z.boolean().optional().describe('Allow io_uring, ungated, instead of refusing it.'),
  onOverrun: z
    .enum(ON_OVERRUN)
    .optional()
    .describe('If usage stays above the limit with no call to deny, report it or end the run (note).'),
  onEscape: z.enum(ON_ESCAPE).optional().describe('If a process leaves the group, report it or also kill it (note).'),
  onFault: z
    .enum(ON_FAULT)
    .optional()
    .describe('Signal that ends a page fault over the limit, or only count it (note).'),
  grace: duration.optional().describe('Time between SIGTERM and SIGKILL (2s).'),
  hold: duration.optional().describe('Keep the group for a while after the last step.'),
  wait: z
    .enum(WAIT)
    .optional()
    .describe(
      'When the run is over: the last step has exited and the group is empty or quiet (quiet), exit, or empty.',
    ),
  quietFor: duration.optional().describe('A group is quiet if nothing has happened in it for this time (500ms).'),
  quietLimit: duration.optional().describe('Longest wait for a quiet group (5s).'),
  sample: z
    .union([duration, z.literal('off')])
    .nullable()
    .optional()
    .describe('Interval between samples (50ms).'),
  cpus: reads(z.union([text, z.array(z.int())]), () => {})
    .optional()
    .describe('Bind command and gate to these CPUs, such as 0 or 0,2-3.'),
  aslr: z.boolean().optional().describe('Leave address-space randomisation on.'),
  user: z.union([text, z.int()]).optional().describe('Run the steps in the group as this user.'),
  cwd: text.optional().describe('Working directory (${dir}).'),
  env: variables.optional().describe('Variables of all steps, and of setUp and cleanUp.'),
  clearEnv: z.boolean().optional().describe('Pass only the variables in env.'),
  vmMemory: amount.optional().describe('Memory of the microVM (1G).'),
  vmCpus: z.union([z.int(), text]).optional().describe('Number of processors of the microVM (1).'),
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
