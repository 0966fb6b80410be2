import { countOutcomes, type ScenarioOutcome, type ScenariosReport, titleOf } from '../../../scenario/report.ts';
import { counted, duration } from '../../../text/figures.ts';
import { badge, figures, heading, list, type Tone, table } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, lines, type Markup, type Section } from '../markup.ts';
import { runBody } from './run.ts';

const tones: Readonly<Record<ScenarioOutcome['status'], Tone>> = {
  passed: 'good',
  failed: 'bad',
  error: 'bad',
  skipped: 'plain',
};

export function scenariosSection(report: ScenariosReport, prefix: string, gathering: Gathering): Section {
  const { scenarios, shard, durationMs, kmemRun } = report;
  const counts = countOutcomes(scenarios);
  const isGood = counts.failed + counts.error === 0;
  const verdict = isGood ? `${counts.passed} passed` : `${counts.failed + counts.error} of ${counts.all} did not pass`;
  return {
    title: `scenarios: ${verdict}`,
    body: html`${heading(2, [badge(verdict, isGood ? 'good' : 'bad'), ` ${counted(counts.all, 'scenario')}`])}
${figures([
  ['Passed', String(counts.passed), counts.flaky === 0 ? null : `${counts.flaky} of them after a retry`],
  ['Failed', String(counts.failed)],
  ['Could not be run', String(counts.error)],
  ['Skipped', String(counts.skipped)],
  ['Took', duration(durationMs), shard === null ? null : `part ${shard.index} of ${shard.of}`],
])}
${scenarioTable(scenarios)}
${heading(3, 'Each scenario')}
${scenarios.map((scenario, index) => scenarioPart(scenario, `${prefix}s${index + 1}`, gathering))}
<p class="note">By kmem-run ${kmemRun}.</p>`,
  };
}

function scenarioTable(scenarios: readonly ScenarioOutcome[]): Markup {
  return table({
    caption: 'Results',
    columns: [
      { title: 'scenario', unit: 'text' },
      { title: 'status', unit: 'text' },
      { title: 'attempts', unit: 'count' },
      { title: 'took', unit: 'ms' },
      { title: 'peak', unit: 'bytes', whenNull: 'not read' },
      { title: 'failcnt', unit: 'count', whenNull: 'not read' },
      { title: 'why', unit: 'text', whenNull: '–' },
    ],
    rows: scenarios.map((scenario) => {
      const last = scenario.results.at(-1);
      return [
        titleOf(scenario),
        scenario.flaky ? `${scenario.status}, flaky` : scenario.status,
        scenario.attempts,
        scenario.durationMs,
        last?.kmem.maxUsage ?? null,
        last?.kmem.failcnt ?? null,
        scenario.reasons.join('; ') || null,
      ];
    }),
  });
}

function scenarioPart(scenario: ScenarioOutcome, prefix: string, gathering: Gathering): Markup {
  const { title, status, reasons, output, results, file } = scenario;
  const last = results.at(-1);
  return html`<details class="scenario"${status === 'passed' || status === 'skipped' ? null : html` open`}><summary>${badge(status, tones[status])} ${titleOf(scenario)}: ${title}</summary>
<p class="note"><code>${file}</code></p>
${list(reasons)}
${output === '' ? null : html`<pre class="output" tabindex="0" aria-label="The end of its output">${lines(output)}</pre>`}
${last === undefined ? html`<p class="note">Nothing was run.</p>` : html`${results.length > 1 ? html`<p class="note">The last of ${results.length} runs:</p>` : null}${runBody(last, prefix, gathering, 4)}`}</details>
`;
}
