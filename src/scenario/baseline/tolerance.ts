import { SetupError } from '../../errors.ts';
import { parseSize } from '../../spec/size.ts';
import { FIGURES, type Figure, type Tolerance } from './types.ts';

const SHARE = 0.1;
/** Below these a share says nothing: a page more or less in a small program, one refusal among three. */
const BYTES = 16_384;
const COUNT = 1;

const byDefault = (figure: Figure): Tolerance => ({ share: SHARE, atLeast: figure === 'failcnt' ? COUNT : BYTES });

type Given = string | { readonly [figure in Figure]?: string | undefined } | undefined;

/** Throws SetupError `bad-tolerance`. */
export function readTolerances(given: Given): Record<Figure, Tolerance> {
  const of = (figure: Figure): Tolerance => {
    const text = typeof given === 'object' ? given[figure] : given;
    if (text === undefined) return byDefault(figure);
    // One size for all is one of bytes.
    if (typeof given === 'string' && figure === 'failcnt' && !text.endsWith('%')) return byDefault(figure);
    return readTolerance(text, figure);
  };
  return Object.fromEntries(FIGURES.map((figure) => [figure, of(figure)])) as Record<Figure, Tolerance>;
}

/** `10%`; `64K`, or of failcnt `3`. Throws SetupError `bad-tolerance`. */
export function readTolerance(text: string, figure: Figure): Tolerance {
  const [, percent] = /^([0-9]{1,4}(?:\.[0-9]+)?) ?%$/.exec(text) ?? [];
  if (percent !== undefined) return { share: Number(percent) / 100, atLeast: 0 };
  if (figure === 'failcnt' && /^[0-9]{1,9}$/.test(text)) return { share: 0, atLeast: Number(text) };
  try {
    if (figure !== 'failcnt') return { share: 0, atLeast: parseSize(text) };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
  }
  throw new SetupError(
    'bad-tolerance',
    `${JSON.stringify(text)} is no tolerance`,
    `write a share such as 10%, or ${figure === 'failcnt' ? 'a number such as 3' : 'a size such as 64K'}`,
  );
}

export function slackOf({ share, atLeast }: Tolerance, median: number): number {
  return Math.max(share * median, atLeast);
}

/** `10 %`, `64K` as people read it. */
export function toleranceText({ share, atLeast }: Tolerance, format: (value: number) => string): string {
  const percent = `${Math.round(share * 1000) / 10} %`;
  if (share === 0) return atLeast === 0 ? 'none' : format(atLeast);
  return atLeast === 0 ? percent : `${percent}, at least ${format(atLeast)}`;
}
