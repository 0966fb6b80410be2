/** As `kmem-run fidelity --json` writes it; `kind` is added on reading. */
export type FidelityReport = Readonly<{
  kind: 'fidelity';
  kernel: string;
  reserve: number;
  same: boolean;
  /** Of kernel objects; null: a command was compared. */
  rows: readonly FidelityRow[] | null;
  command: readonly string[] | null;
  /** Bytes, without a limit. */
  peak: number | null;
  /** Why nothing was compared; null: something was. */
  failsAnyway: string | null;
  /** The smallest limit at which the command passes, by mode. */
  found: readonly Readonly<{ mode: string; limit: number | null; below: string | null; runs: number }>[];
}>;

export type FidelityRow = Readonly<{
  row: Readonly<{ name: string; what: string; kind: string; why: string }>;
  limits: readonly Readonly<{ limit: number; native: number | null; gate: number | null; off: number | null }>[];
  verdict: string;
  reasons: readonly string[];
}>;
