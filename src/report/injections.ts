/** What became of the failures that were asked for with `--fail`, a line each. */
import type { Injection, Result } from '../result/schema.ts';
import type { Line, Row } from './layout.ts';
import { counted } from './words.ts';

export function injectionRows({ injections, spec }: Pick<Result, 'injections' | 'spec'>): Row[] {
  // One that was kept by a version without injections lacks both.
  if (spec.inject.length === 0) return [];
  const lines = injections?.map(lineOf) ?? [{ text: 'what became of them is not known', tone: 'warn' }];
  return [{ label: 'injected', lines }];
}

function lineOf({ address, mode, outcome, denials, seen }: Injection): Line {
  switch (outcome) {
    case 'not-reached':
      return { text: `${address}: not reached, no such call was made`, tone: 'warn' };
    case 'diverged':
      return { text: `${address}: not injected, the call made there was ${seen ?? 'another'}`, tone: 'warn' };
    case 'injected':
      if (denials === 0) return { text: `${address}: the call was made, and is one that cannot fail`, tone: 'warn' };
      return {
        text: `${address}: ${mode === 'once' ? 'failed' : `${counted(denials, 'call')} failed`}`,
        tone: 'plain',
      };
  }
}
