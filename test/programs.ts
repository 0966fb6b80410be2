/** BPF programs, as this machine allows them. */

import { execFileSync } from 'node:child_process';
import { helperPath } from '../src/gate/helper.ts';
import { errnoName } from '../src/gate/protocol.ts';

export type SurveyedProgram = Readonly<{ object: string; program: string; errno: number; reason: string | null }>;
export type SurveyedKind = Readonly<{ kind: string; program: string | null; errno: number; works: boolean }>;
export type Survey = Readonly<{ programs: readonly SurveyedProgram[]; kinds: readonly SurveyedKind[] }>;

/** The output of `kmem-helper programs`; other lines are ignored. */
export function readSurvey(text: string): Survey {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as object);
  return {
    programs: lines.filter((line): line is SurveyedProgram => 'object' in line),
    kinds: lines.filter((line): line is SurveyedKind => 'kind' in line),
  };
}

/** On this machine. `join`: the file with which this process joins its own memory cgroup. */
export function surveyHere(...join: readonly string[]): Survey {
  return readSurvey(execFileSync(helperPath(), ['programs', ...join], { encoding: 'utf8' }));
}

/** Why page faults and moves cannot be watched here; null if they can. */
export const whyNoPrograms: string | null = (() => {
  const failed = surveyHere().programs.find(({ program, errno }) => errno !== 0 && program.startsWith('tp_btf/'));
  return failed === undefined ? null : `${failed.program}: ${errnoName(failed.errno)}`;
})();
