/**
 * A recorded run as one word that can be pasted: enough to repeat it, and how it ended, without a store. `kr2.` and, in
 * base64url, deflated JSON, in which options at their default are omitted. Loads zod.
 */

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { SetupError } from '../errors.ts';
import { parseJson } from '../host/read-input.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { inputOf, type PlanInput, type RunInput, type RunRequest } from '../request/run-input.ts';
import type { Recorded } from '../statistics/recorded.ts';

z.config({ jitless: true });

const PREFIX = 'kr2.';
/** Tokens of 0.1.0 were deflated with a dictionary. */
const OLD_PREFIX = 'kr1.';
/** A command line may be 2 MiB; a token that inflates to more was not made here. */
const MOST_BYTES = 8 * 2 ** 20;

const circumstances = ['enforcement', 'kernel', 'cgroup', 'kmem-run'];

const figure = z.int().nonnegative().nullable();
const schema = z.object({
  id: z.string(),
  startedAt: z.string(),
  // normaliseSpec checks its values.
  input: z
    .looseObject({
      command: z.array(z.string()).optional(),
      plan: z.array(z.looseObject({})).optional(),
      cwd: z.string(),
    })
    .refine(({ command, plan }) => (command === undefined) !== (plan === undefined)),
  prepare: z.string().nullable(),
  facts: z.object({
    outcome: z.string(),
    ends: z.array(z.string()),
    expectations: z.array(z.object({ expr: z.string(), passed: z.boolean() })),
    firstCall: z.string().nullable(),
    failcnt: figure,
    peak: figure,
    uncertainty: figure,
    injections: z.array(z.object({ address: z.string(), outcome: z.string(), seen: z.string().nullable() })),
    circumstances: z.record(z.string(), z.string()),
  }),
});

export function isToken(word: string): boolean {
  return word.startsWith(PREFIX) || word.startsWith(OLD_PREFIX);
}

export function tokenOf({ facts, input, ...rest }: Recorded): string {
  const kept = circumstances.flatMap((what) => {
    const value = facts.circumstances[what];
    return value === undefined ? [] : [[what, value]];
  });
  const short = { ...rest, input: unusual(input), facts: { ...facts, circumstances: Object.fromEntries(kept) } };
  return `${PREFIX}${deflateRawSync(JSON.stringify(short), { level: 9 }).toString('base64url')}`;
}

/** @throws SetupError `bad-token`, `old-token` */
export function readToken(token: string): Recorded {
  if (token.startsWith(OLD_PREFIX)) {
    throw new SetupError(
      'old-token',
      'this token cannot be read: it was created by an earlier version of kmem-run',
      'print a new one on the machine where the run is saved: kmem-run replay --token RUN',
    );
  }
  const packed = token.slice(PREFIX.length);
  // Node ignores characters outside the alphabet.
  if (!/^[A-Za-z0-9_-]+$/.test(packed)) throw badToken();
  try {
    const json = inflateRawSync(Buffer.from(packed, 'base64url'), { maxOutputLength: MOST_BYTES }).toString('utf8');
    return schema.parse(parseJson(json)) as Recorded;
  } catch (cause) {
    throw badToken(cause);
  }
}

/** The options that differ from their default. */
function unusual(input: RunRequest): RunRequest {
  const usual: Readonly<Record<string, unknown>> = inputOf(normaliseSpec({ command: ['true'], cwd: '/' }));
  const { cwd, ...rest } = input;
  const { command, plan, ...others } = rest as Partial<RunInput & PlanInput>;
  const said = Object.entries(others).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(usual[key]));
  return { command, plan, cwd, ...Object.fromEntries(said) } as RunRequest;
}

function badToken(cause?: unknown): SetupError {
  return new SetupError(
    'bad-token',
    'incomplete or invalid kmem-run token',
    'copy the whole token, from kr2. to the last character; kmem-run replay --token RUN prints it again',
    { cause },
  );
}
