/** What is in a file that kmem-run wrote, whichever command did. */

import { SetupError } from '../errors.ts';
import type { FidelityReport, ReportDocument } from '../report/documents.ts';
import type { Result } from '../result/schema.ts';
import { quote } from '../spec/quote.ts';
import { presentResult } from '../store/read-result.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever the file holds; looked at key by key.
type Content = any;

/** Throws SetupError `not-a-report`. */
export function documentsIn(file: string, content: Content): ReportDocument[] {
  // What `export` prints.
  if (Array.isArray(content)) return content.flatMap((one) => documentsIn(file, one?.result ?? one));
  const kind: unknown = content?.kind;
  switch (kind) {
    case 'sweep':
      return [experiment(file, content, ['points', 'axes', 'command'])];
    case 'bisect':
      return [experiment(file, withPresentResult(content, file), ['trials', 'answer', 'command'])];
    case 'explore':
      return [experiment(file, content, ['findings', 'unsteady', 'counts', 'command'])];
    case 'scenarios':
      return [scenarios(file, content)];
    case 'replay':
      throw notAReport(file, 'it is a replay, which is told in words', 'kmem-run report --compare shows two runs');
    default:
      return [unnamed(file, content)];
  }
}

/** Those that do not say what they are: fidelity, comparisons, results. */
function unnamed(file: string, content: Content): ReportDocument {
  if (content?.spec === undefined && typeof content?.kernel === 'string' && typeof content?.same === 'boolean')
    return { kind: 'experiment', report: fidelityOf(content) };
  if (Array.isArray(content?.points) && typeof content?.verdict === 'string' && content.a?.name !== undefined) {
    const { a, b, ...comparison } = content;
    return { kind: 'compare', a: { ...a, results: [] }, b: { ...b, results: [] }, comparison };
  }
  return { kind: 'run', result: resultIn(file, content?.result ?? content) };
}

function fidelityOf({ kernel, reserve, same, rows, command, peak, failsAnyway, found }: Content): FidelityReport {
  return {
    ...{ kind: 'fidelity', kernel, reserve, same },
    ...{ rows: rows ?? null, command: command ?? null, peak: peak ?? null, failsAnyway: failsAnyway ?? null },
    found: found ?? [],
  };
}

function experiment(file: string, content: Content, keys: readonly string[]): ReportDocument {
  const missing = keys.find((key) => content[key] == null);
  if (missing !== undefined || content.schemaVersion !== 1) {
    const reason = missing === undefined ? 'it has no schemaVersion 1' : `it has no ${missing}`;
    throw notAReport(file, reason, 'name a file that kmem-run --json wrote');
  }
  return { kind: 'experiment', report: content };
}

function withPresentResult(content: Content, file: string): Content {
  const { justBelow } = content;
  if (justBelow == null) return content;
  return { ...content, justBelow: { ...justBelow, result: resultIn(file, justBelow.result) } };
}

function scenarios(file: string, content: Content): ReportDocument {
  if (content.schemaVersion !== 1 || !Array.isArray(content.scenarios))
    throw notAReport(file, 'it has no scenarios of schemaVersion 1', 'make it by kmem-run scenario run --format json');
  const all = content.scenarios.map((scenario: Content) => ({
    ...scenario,
    results: (scenario.results ?? []).map((result: unknown) => resultIn(file, result)),
  }));
  return { kind: 'scenarios', report: { ...content, scenarios: all } };
}

function resultIn(file: string, kept: Content): Result {
  const { result, flaw } = presentResult(kept);
  if (kept?.schemaVersion === 1 && flaw === null) return result;
  const reason = kept?.schemaVersion === 1 ? `${flaw}` : 'it has no schemaVersion 1';
  throw notAReport(file, reason, 'name a file that kmem-run --json wrote');
}

function notAReport(file: string, reason: string, hint: string): SetupError {
  return new SetupError('not-a-report', `${quote(file)} is nothing that kmem-run wrote: ${reason}`, hint);
}
