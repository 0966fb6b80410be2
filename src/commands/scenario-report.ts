/** How the scenarios of a call are reported, in which format and where. */

import { SetupError } from '../errors.ts';
import { absolute } from '../host/own-process.ts';
import { print } from '../host/print.ts';
import { saveReport } from '../host/write-beside.ts';
import { githubReport, junitReport, tapReport } from '../report/scenarios/formats.ts';
import { prettyScenario, prettySum, scenarioStory } from '../report/scenarios/pretty.ts';
import { createStatusLine } from '../report/terminal/live.ts';
import type { ScenarioOutcome, ScenariosReport } from '../scenario/report.ts';
import { counted } from '../text/figures.ts';
import { didYouMean } from '../text/nearest.ts';
import { escapeControls, quote } from '../text/quote.ts';
import { type ShownOption, valueOption } from './option-kinds.ts';

const FORMATS = {
  pretty: (report: ScenariosReport) => {
    const style = { color: false };
    return report.scenarios.map((each) => prettyScenario(each, style)).join('') + prettySum(report, style);
  },
  tap: tapReport,
  junit: junitReport,
  json: (report: ScenariosReport) => `${escapeControls(JSON.stringify(report, null, 2))}\n`,
  github: githubReport,
} as const;

export type Format = keyof typeof FORMATS;

/** --format of `scenario run` and of `merge`. */
export function formatOption(group: string): ShownOption {
  const choices = Object.keys(FORMATS);
  return valueOption('FORMAT', `format of the report: ${choices.join(', ')}`, { group, choices, byDefault: 'pretty' });
}

/** @throws SetupError `bad-option`. */
export function parseFormat(given: string): Format {
  if (Object.hasOwn(FORMATS, given)) return given as Format;
  const all = Object.keys(FORMATS);
  throw new SetupError(
    'bad-option',
    `--format: unknown format ${quote(given)}`,
    didYouMean(given, all, `use one of ${all.join(', ')}`),
  );
}

export type ScenarioReporter = Readonly<{
  onStart: (name: string) => void;
  onEnd: (outcome: ScenarioOutcome) => void;
  /** @throws SetupError `json-not-written` */
  end: (report: ScenariosReport, givenUp: AbortSignal) => Promise<void>;
}>;

/**
 * `file`: null is stdout. People read along there if the format is for them; otherwise on stderr, if that is a
 * terminal.
 */
export function reportScenarios(format: Format, file: string | null, total: number): ScenarioReporter {
  const people = format === 'pretty' && file === null ? process.stdout : process.stderr;
  const color = people.isTTY === true && !process.env.NO_COLOR;
  const write = (text: string): void => void (people === process.stdout ? print(text) : people.write(text));
  const readsAlong = people === process.stdout || people.isTTY === true;
  const status = process.stderr.isTTY === true ? createStatusLine(process.stderr) : null;
  const running = new Set<string>();
  let done = 0;
  const draw = (): void =>
    status?.(`${done} of ${counted(total, 'scenario')}; now ${[...running].join(', ') || 'none'}`);
  return {
    onStart: (name) => {
      running.add(name);
      draw();
    },
    onEnd: (outcome) => {
      running.delete(outcome.name);
      done += 1;
      status?.('');
      if (readsAlong) write(prettyScenario(outcome, { color }));
      // For a single scenario users want to see what happened; for many, that they passed.
      if (readsAlong && total === 1) write(scenarioStory(outcome, { color, width: people.columns ?? null }));
      if (running.size > 0) draw();
    },
    end: async (report, givenUp) => {
      status?.('');
      if (readsAlong) write(prettySum(report, { color }));
      if (format !== 'pretty' || file !== null)
        await saveReport(file === null ? '-' : absolute(file), formatted(report, format), givenUp);
    },
  };
}

export function formatted(report: ScenariosReport, format: Format): string {
  return FORMATS[format](report);
}
