import { openBench } from '../doctor/bench.ts';
import { allThere, type Diagnosis, runChecks } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { diagnosesJson, diagnosisText, verdictText } from '../doctor/report.ts';
import { signalNumber } from '../host/exit-status.ts';
import { print } from '../host/print.ts';
import { writeReport } from '../host/write-file.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { readOwnOptions } from './read-options.ts';

export const doctorUsage = `kmem-run doctor [--json] [--parent DIR]

Tries each thing that a run needs, by doing it, and says what to do about what is missing.

  --json        print the findings as JSON
  --parent DIR  make the groups there, as runs with --parent DIR would

Exit status: 0 a gated run works, 1 it does not.
`;

/** `kmem-run doctor`: 0 if a gated run would work here, 1 if not. */
export async function doctorCommand(argv: readonly string[]): Promise<number> {
  const { json, parent, help } = readArguments(argv);
  if (help) {
    await print(doctorUsage);
    return 0;
  }
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

function readArguments(argv: readonly string[]): { json: boolean; parent: string | null; help: boolean } {
  const { booleans, strings } = readOwnOptions(argv, {
    json: { type: 'boolean' },
    parent: { type: 'string' },
    help: { type: 'boolean' },
  });
  return {
    json: booleans.get('json') ?? false,
    parent: strings.get('parent')?.[0] ?? null,
    help: booleans.get('help') ?? false,
  };
}
