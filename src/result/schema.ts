/**
 * The result of one run, schema version 1. Within a version keys are only ever added.
 *
 * Bytes are integers, times are milliseconds on the monotonic clock from exec. A figure that could not be read, and a
 * limit that is unlimited or was not requested, is null: never 0 and never 9223372036854771712.
 * Importing zod costs 10 ms: on the path of a run use `import type { Result }`, and `validate.ts` after the command.
 */

import { z } from 'zod';
import { bytesOrNull, choiceOrNull, count, define, flag, msOrNull, text } from './definition.ts';
import {
  kmemSchema,
  kmemTcpSchema,
  limitsSchema,
  memSchema,
  memswSchema,
  pidsSchema,
  samplesSchema,
} from './schema-counters.ts';
import { enforcementSchema } from './schema-enforcement.ts';
import {
  crashesSchema,
  endingSchema,
  errorSchema,
  escapesSchema,
  expectationsSchema,
  failureCountsSchema,
  failuresSchema,
  injectionsSchema,
  leftoverSchema,
  orphansSchema,
  outcomeSchema,
  terminationReasonSchema,
} from './schema-events.ts';
import { exitSchema, stepsSchema } from './schema-plan.ts';
import { profileSchema } from './schema-profile.ts';
import { specSchema } from './schema-spec.ts';

const durationsSchema = define(
  z.strictObject({
    wallMs: msOrNull('Time from exec to the end of the last step.', 'nothing ran'),
    userMs: msOrNull('CPU time of the group in user mode.', 'could not be read'),
    systemMs: msOrNull('CPU time of the group in the kernel.', 'could not be read'),
  }),
  'Durations of the run.',
);

const environmentSchema = define(
  z.strictObject({
    kernel: text('Release of the running kernel (`uname -r`); in a microVM, the release of the guest kernel.'),
    cgroup: choiceOrNull(['v1', 'hybrid', 'v2'], 'How cgroups are mounted.', 'no cgroup hierarchy was found'),
    cpus: count('Number of CPUs that the runner may use.', 'CPUs'),
    memTotal: bytesOrNull('Memory of the machine.', 'could not be read'),
    swapTotal: bytesOrNull("Size of the machine's swap space; 0 if swap is off.", 'could not be read'),
    aslr: flag('Whether address-space randomisation was on for the command.'),
    cold: define(
      z.boolean().nullable(),
      'Whether this was the first run of the command on this machine. A first run is also charged for the first lookup of each file.',
      { whenNull: 'unknown' },
    ),
    kmemRun: text('Version of kmem-run.'),
    node: text('Version of Node.js that kmem-run used.'),
  }),
  'Properties of the machine that matter when runs are compared.',
);

export const resultSchema = define(
  z.strictObject({
    schemaVersion: define(z.literal(1), 'Version of this schema.'),
    id: text('Identifies the run; its group is `kmem-run.<id>`.'),
    startedAt: define(z.iso.datetime(), 'Start of the run: ISO 8601, UTC.'),
    spec: specSchema,
    outcome: outcomeSchema,
    terminationReason: terminationReasonSchema,
    error: errorSchema,
    exit: exitSchema('the command (step 0)'),
    durations: durationsSchema,
    limits: limitsSchema,
    kmem: kmemSchema,
    mem: memSchema,
    memsw: memswSchema,
    kmemTcp: kmemTcpSchema,
    pids: pidsSchema,
    enforcement: enforcementSchema,
    failures: failuresSchema,
    failureCounts: failureCountsSchema,
    injections: injectionsSchema,
    crashes: crashesSchema,
    escapes: escapesSchema,
    steps: stepsSchema,
    leftover: leftoverSchema,
    orphans: orphansSchema,
    ending: endingSchema,
    expectations: expectationsSchema,
    samples: samplesSchema,
    profile: profileSchema,
    warnings: define(z.array(z.string()), 'Possible distortions of the measurement, one sentence each.'),
    environment: environmentSchema,
  }),
  'The result of one run of kmem-run.',
);

/** Deeply read-only, so that an object of read-only parts (a `RunSpec`) matches, too. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

export type Result = Frozen<z.infer<typeof resultSchema>>;
export type Outcome = Result['outcome'];
export type TerminationReason = NonNullable<Result['terminationReason']>;
export type Exit = Result['exit'];
export type Failure = Result['failures'][number];
export type FailureCount = Result['failureCounts'][number];
export type Injection = NonNullable<Result['injections']>[number];
export type Step = Result['steps'][number];
export type Expectation = Result['expectations'][number];
export type Sample = Result['samples'][number];
export type Profile = NonNullable<Result['profile']>;
export type ProfileRow = Profile['rows'][number];
