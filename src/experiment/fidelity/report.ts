/** As `kmem-run fidelity --json` writes it; `kind` is added on reading. */
export type FidelityReport = Readonly<{
  kind: 'fidelity';
  /** Its version; several are separated by commas. */
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
  /** The smallest limit at which the command passes, by kernel and mode. */
  found: readonly Readonly<{
    kernel: string;
    mode: string;
    limit: number | null;
    below: string | null;
    runs: number;
  }>[];
}>;

export type FidelityRow = Readonly<{
  row: Readonly<{ name: string; what: string; kind: string; why: string }>;
  mode: string;
  granularity: string | null;
  kernel: string;
  limits: readonly Readonly<{ limit: number; native: number | null; compared: number | null; off: number | null }>[];
  verdict: string;
  reasons: readonly string[];
}>;
