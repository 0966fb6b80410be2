/**
 * What differs from run to run by nature and is recognisable by its form: the run's own folder and port, times,
 * addresses.
 */

/** The run's own names. */
export type OwnNames = Readonly<{
  /** Its private folder. */
  folder: string;
  /** Its private ports. */
  ports: readonly number[];
  /** Start of the run, milliseconds since 1970. */
  startedAtMs: number;
}>;

const WEEKDAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*';
const CLOCK = String.raw`\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?`;
const ZONE = String.raw`(?:\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?`;

/** The first match, left to right. */
const TIMES = new RegExp(
  [
    String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK}${ZONE})?`,
    String.raw`(?:${WEEKDAY},? )?(?:${MONTH} {1,2}\d{1,2}|\d{1,2}[ /-]${MONTH})(?:[ /-]\d{4})?(?:[ :]${CLOCK}${ZONE})?(?: \d{4})?`,
    `${CLOCK}${ZONE}`,
  ]
    .map((form) => `(?<![\\w.])${form}(?!\\w)`)
    .join('|'),
  'g',
);
const DURATIONS =
  /(?<![\w.])(?:\d+(?:\.\d+)?(?= ?(?:ns|us|µs|μs|ms|msec|msecs)\b)|\d+\.\d+(?= ?(?:s|sec|secs|seconds)\b))/g;
const POINTERS = /\b0x[0-9a-fA-F]{5,16}\b/g;
const EPOCHS = /(?<![\w.])\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?(?!\w)/g;
/** A number is a time if it is this close to the run's. */
const NEAR_MS = 86_400_000;

/** The text with `<dir>`, `<port>`, `<time>` and the like in place of the run's own values. */
export function scrub(text: string, { folder, ports, startedAtMs }: OwnNames): string {
  return text
    .replaceAll(folder, '<dir>')
    .replace(new RegExp(`(?<!\\d)(?:${ports.join('|')})(?!\\d)`, 'g'), '<port>')
    .replace(TIMES, '<time>')
    .replace(EPOCHS, (number) => (isNear(number, startedAtMs) ? '<time>' : number))
    .replace(DURATIONS, '<duration>')
    .replace(POINTERS, '<address>');
}

/** Seconds, milliseconds, micro- or nanoseconds since 1970: determined by the number of digits. */
function isNear(number: string, aroundMs: number): boolean {
  const seconds = Number(number.slice(0, 10));
  return Math.abs(seconds * 1000 - aroundMs) < NEAR_MS;
}
