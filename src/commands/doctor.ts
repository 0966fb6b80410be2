import { openBench } from '../doctor/bench.ts';
import { allThere, type Diagnosis, runChecks } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { diagnosesJson, diagnosisText, verdictText } from '../doctor/report.ts';
import { signalNumber } from '../host/exit-status.ts';
import { print } from '../host/print.ts';
import { writeReport } from '../host/write-file.ts';
import type { CommandHelp } from '../manual/page.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { flagOption, pageOptions, valueOption } from './option-kinds.ts';
import { readOwnOptions } from './read-options.ts';

const OPTIONS = {
  json: flagOption('print the findings as JSON'),
  parent: valueOption('DIR', 'create the groups in this cgroup directory, as runs with --parent do'),
} as const;

export const doctorHelp: CommandHelp = {
  synopsis: ['kmem-run doctor [options]'],
  text: ['Checks this machine by trying each feature that a run needs, and explains how to fix what is missing.'],
  options: pageOptions(OPTIONS),
  status: [
    ['0', 'a gated run works'],
    ['1', 'a gated run does not work'],
  ],
};

/** `kmem-run doctor`: 0 if a gated run would work here, 1 if not. */
export async function doctorCommand(argv: readonly string[]): Promise<number> {
  const { booleans, strings } = readOwnOptions(argv, OPTIONS);
  const json = booleans.get('json') ?? false;
  const parent = strings.get('parent')?.[0] ?? null;
  const style = {
    color: process.stdout.isTTY === true && !process.env.NO_COLOR,
    width: process.stdout.columns ?? null,
  };
  const { signal, signalName, beginReport } = watchInterrupts();
  const onDiagnosis = json ? undefined : (diagnosis: Diagnosis) => void print(diagnosisText(diagnosis, style));
  const diagnoses = await runChecks(checks, openBench({ parent, signal }), { signal, onDiagnosis });
  if (signal.aborted) return interrupted(signalName());
  if (json) await writeReport('-', diagnosesJson(diagnoses), beginReport());
  else void print(verdictText(diagnoses, style));
  return allThere(diagnoses) ? 0 : 1;
}

function interrupted(signal: string | null): number {
  process.stderr.write('kmem-run: interrupted; everything made for the checks has been removed\n');
  return 128 + (signalNumber(signal ?? 'SIGTERM') ?? 0);
}
