/**
 * A recorded run as one word that can be pasted: what it takes to make it again and what it came to, without a store.
 * `kr1.` and, in base64url, deflated JSON that has of what was asked only what is not the default anyway. Loads zod.
 */

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { SetupError } from '../errors.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { inputOf, type PlanInput, type RunInput, type RunRequest } from '../request/run-input.ts';
import type { Recorded } from '../statistics/recorded.ts';

z.config({ jitless: true });

const PREFIX = 'kr1.';
/** A command line may be 2 MiB; nothing that inflates to more was made here. */
const MOST_BYTES = 8 * 2 ** 20;

/** What most tokens have in them, the commonest last (RFC 1951 looks back from there). Part of the format: never to be changed under one prefix. */
const dictionary = Buffer.from(
  [
    '"then":[""kernel":"5.10""enforce":"native""gate""none""vmMemory":1073741824,"vmCpus":1,"rw":["kmemTcp":"memsw":"mem":"pids":',
    '"reserve":"errno":"enomem""reclaim":true"aslr":true"user":"hold":"wait":"empty""sample":null"clearEnv":true"seed":"expect":["',
    '{"expr":"exit==0","passed":true}{"address":"0.1/","outcome":"not-reached","diverged","seen":"openat","mmap","clone"injected","seen":null}',
    '"SIGSEGV"SIGABRT"exit 1""timeout""signaled""failed""passed""sh: clone (ENOMEM)openat (ENOMEM)mmap (ENOMEM)"cpus":[0]"cpus":[1]"timeout":30000,',
    '{"id":"","startedAt":"202:00.000Z","input":{"command":["sh","-c",""],"cwd":"/","output":"null","env":{"},"kmem":,"inject":["0/"]},"prepare":null,"facts":',
    '{"outcome":"","ends":["exit 0"],"expectations":[],"firstCall":null,"failcnt":0,"peak":,"uncertainty":0,"injections":[],"circumstances":',
    '{"enforcement":"gate","kernel":"6.","cgroup":"hybrid","v1","v2","kmem-run":"0.1.0"}}}',
  ].join(''),
);

const circumstances = ['enforcement', 'kernel', 'cgroup', 'kmem-run'];

const figure = z.int().nonnegative().nullable();
const schema = z.object({
  id: z.string(),
  startedAt: z.string(),
  // Its values are for normaliseSpec to check.
  input: z
    .looseObject({
      command: z.array(z.string()).optional(),
      plan: z.array(z.looseObject({})).optional(),
      cwd: z.string(),
      // The default of 0.1.0, whose tokens leave it out.
      wait: z.string().default('exit'),
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
  return word.startsWith(PREFIX);
}

export function tokenOf({ facts, input, ...rest }: Recorded): string {
  const kept = circumstances.flatMap((what) => {
    const value = facts.circumstances[what];
    return value === undefined ? [] : [[what, value]];
  });
  const short = { ...rest, input: unusual(input), facts: { ...facts, circumstances: Object.fromEntries(kept) } };
  return `${PREFIX}${deflateRawSync(JSON.stringify(short), { level: 9, dictionary }).toString('base64url')}`;
}

/** Throws SetupError `bad-token`. */
export function readToken(token: string): Recorded {
  const packed = token.slice(PREFIX.length);
  // Node passes over what is not of the alphabet.
  if (!/^[A-Za-z0-9_-]+$/.test(packed)) throw badToken();
  const options = { dictionary, maxOutputLength: MOST_BYTES };
  try {
    const json = inflateRawSync(Buffer.from(packed, 'base64url'), options).toString('utf8');
    return schema.parse(JSON.parse(json)) as Recorded;
  } catch (cause) {
    throw badToken(cause);
  }
}

/** What must be said: the rest comes by itself. */
function unusual(input: RunRequest): RunRequest {
  const usual: Readonly<Record<string, unknown>> = inputOf(normaliseSpec({ command: ['true'], cwd: '/' }));
  // `wait` is always there: a token without it is older than the present default.
  const { cwd, wait, ...rest } = input;
  const { command, plan, ...others } = rest as Partial<RunInput & PlanInput>;
  const said = Object.entries(others).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(usual[key]));
  return { command, plan, cwd, ...Object.fromEntries(said), wait } as RunRequest;
}

function badToken(cause?: unknown): SetupError {
  return new SetupError(
    'bad-token',
    'this is not a whole token of kmem-run',
    'copy all of it, from kr1. to its end; kmem-run replay --token RUN prints it again',
    { cause },
  );
}
