/** A file of baselines as it is written. Loads zod. */

import { z } from 'zod';
import { FIGURES } from './types.ts';

z.config({ jitless: true });

const count = z.number().nonnegative();
const kinds = z.record(z.string(), z.int().positive());

const entry = z.strictObject({
  measuredOn: z.strictObject({
    linux: z.string(),
    cgroup: z.string(),
    enforcement: z.string(),
    aslr: z.boolean(),
    cpus: z.int(),
  }),
  limits: z.record(z.string(), count),
  outcome: kinds,
  ends: kinds,
  firstFailing: kinds,
  ...(Object.fromEntries(FIGURES.map((figure) => [figure, z.array(count).min(1).optional()])) as Record<
    (typeof FIGURES)[number],
    z.ZodOptional<z.ZodArray<typeof count>>
  >),
  processes: count.optional(),
  parts: z.record(z.string(), count).optional(),
  steps: z.array(z.strictObject({ name: z.string(), kmem: count })),
});

export const baselineSchema = z.strictObject({
  version: z.literal(1),
  scenarios: z.record(z.string(), z.record(z.string(), entry)),
});

export type BaselineFile = z.infer<typeof baselineSchema>;
export type EntryInFile = z.infer<typeof entry>;
