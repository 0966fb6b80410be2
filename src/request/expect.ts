import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import {
  isExitStatus,
  lookUp,
  type Path,
  type Resolved,
  resolvePath,
  resolveStepPath,
  stepOfEnd,
} from './expect-key.ts';
import { holds, type Operand, type Operator, parseOperand, Unexpected, type ValueUnit } from './expect-value.ts';

/** What an expectation is checked against. `stdout`, `stderr`: their captured head and tail, null if not captured. */
export type ExpectationFacts = Readonly<{ result: object; stdout: string | null; stderr: string | null }>;

/**
 * `actual`: the value found, null if there is none; long texts are cut; objects, arrays and undecided values are only
 * named.
 */
export type ExpectationVerdict = Readonly<{ passed: boolean; actual: string | number | boolean | null }>;

export type ParsedExpectation = Readonly<{
  expr: string;
  /** The key as the result spells it: `failcnt` is `kmem.failcnt`. */
  key: string;
  path: Path;
  /** The stream of the whole run that must be captured for it. */
  reads: 'stdout' | 'stderr' | null;
  /** The stream of a single step that must be. */
  readsOfStep: 'stdout' | 'stderr' | null;
  /** The step whose end it names (`exit` is that of step 0): that step then has no implicit `exit==0`. */
  step: number | null;
  evaluate(facts: ExpectationFacts): ExpectationVerdict;
}>;

const HINT = "an expectation is KEY OP VALUE, such as 'exit==0', 'kmem.maxUsage<=900K' or 'stderr~/Cannot allocate/'";
const ACTUAL_LENGTH = 200;
const NOT_DECIDED = 'not decided: matching the pattern takes too long';

/**
 * Reads `KEY OP VALUE`: KEY a path into the result, OP one of == != < <= > >= ~ !~, VALUE a number (with a size suffix,
 * or a duration suffix if the key ends in Ms), a word or a quoted string, null, true, false, /regex/flags. `==` with a
 * stream ignores trailing line ends, as $(…) does. @throws SetupError `bad-expectation`.
 */
export function compileExpectation(expr: string): ParsedExpectation {
  return refusing(expr, () => compile(expr, resolvePath));
}

/** The same for one relative to a step: `exit!=0`, `status==200`, `stderr~/Cannot/`. */
export function compileStepExpectation(expr: string, step: number): ParsedExpectation {
  return refusing(expr, () => compile(expr, (path) => resolveStepPath(path, step)));
}

function refusing(expr: string, work: () => ParsedExpectation): ParsedExpectation {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    const { at, expected } = error;
    const found = at < expr.length ? `at ${quote(expr.slice(at), 20)}` : 'at its end';
    throw new SetupError(
      'bad-expectation',
      `expectation ${quote(expr, 120)}: ${found} (character ${at + 1}): expected ${expected}`,
      HINT,
    );
  }
}

/** `exit==0` or `steps[i].exit==0` for each step whose exit no given expectation names. */
export function implicitExpectations(stepCount: number, given: readonly ParsedExpectation[]): ParsedExpectation[] {
  const named = new Set(given.map(({ step }) => step));
  const steps = Array.from({ length: stepCount }, (_, index) => index).filter((index) => !named.has(index));
  return steps.map((index) => compileExpectation(index === 0 ? 'exit==0' : `steps[${index}].exit==0`));
}

type Resolve = (path: Path) => Resolved;

function compile(expr: string, resolve: Resolve): ParsedExpectation {
  if (typeof expr !== 'string')
    throw new SetupError('bad-expectation', `an expectation must be a string, not ${quote(expr)}`, HINT);
  const { path, end } = readKey(expr, resolve);
  const { operator, valueAt } = readOperator(expr, end);
  const reads = path[0] === 'stdout' || path[0] === 'stderr' ? path[0] : null;
  const operand = shifted(valueAt, () => parseOperand(expr.slice(valueAt).trimEnd(), operator, unitOf(path)));
  return Object.freeze({
    expr,
    key: spell(path),
    path: Object.freeze(path),
    reads,
    readsOfStep: streamOfStep(path),
    step: stepOfEnd(path),
    evaluate: (facts: ExpectationFacts) =>
      evaluate(reads === null ? lookUp(facts.result, path) : facts[reads], {
        isText: unitOf(path) === 'text',
        operator,
        operand,
      }),
  });
}

type Question = { isText: boolean; operator: Operator; operand: Operand };

function evaluate(found: unknown, { isText, operator, operand }: Question): ExpectationVerdict {
  const wholeText = isText && (operator === '==' || operator === '!=') && typeof found === 'string';
  const actual = wholeText ? found.replace(/\n+$/, '') : found;
  const held = holds(actual, operator, operand);
  return held === null ? { passed: false, actual: NOT_DECIDED } : { passed: held, actual: reportable(actual) };
}

function reportable(actual: unknown): ExpectationVerdict['actual'] {
  if (typeof actual === 'string') return actual.length > ACTUAL_LENGTH ? `${actual.slice(0, ACTUAL_LENGTH)}…` : actual;
  if (typeof actual === 'number' || typeof actual === 'boolean') return actual;
  if (Array.isArray(actual)) return `an array of ${actual.length}`;
  return actual === null || actual === undefined ? null : 'an object';
}

function streamOfStep(path: Path): 'stdout' | 'stderr' | null {
  const [first, , last] = path;
  return first === 'steps' && (last === 'stdout' || last === 'stderr') ? last : null;
}

function unitOf(path: Path): ValueUnit {
  if (path[0] === 'stdout' || path[0] === 'stderr' || streamOfStep(path) !== null) return 'text';
  if (path[0] === 'steps' && path.at(-1) === 'body') return 'text';
  if (isExitStatus(path)) return 'status';
  return String(path.at(-1)).endsWith('Ms') ? 'ms' : 'any';
}

function readKey(expr: string, resolve: Resolve): { path: Path; end: number } {
  const segments: (string | number)[] = [];
  const starts: number[] = [];
  let at = expr.length - expr.trimStart().length;
  const first = take(expr, at, /[A-Za-z_][A-Za-z0-9_]*/y);
  if (first === null) throw new Unexpected(at, 'a key of the result');
  segments.push(first);
  starts.push(at);
  at += first.length;
  while (expr[at] === '.' || expr[at] === '[') {
    const text =
      expr[at] === '.' ? take(expr, at + 1, /[A-Za-z_][A-Za-z0-9_]*/y) : take(expr, at + 1, /(?:0|[1-9][0-9]{0,5})\]/y);
    if (text === null) throw new Unexpected(at + 1, expr[at] === '.' ? 'a name' : 'an index and "]"');
    segments.push(expr[at] === '.' ? text : Number(text.slice(0, -1)));
    starts.push(at + 1);
    at += 1 + text.length;
  }
  const resolved = resolve(segments);
  if ('wrong' in resolved) throw new Unexpected(starts[resolved.wrong] ?? at, resolved.expected);
  return { path: resolved.path, end: at };
}

function readOperator(expr: string, from: number): { operator: Operator; valueAt: number } {
  const at = afterBlanks(expr, from);
  const sign = take(expr, at, /[=!<>~]+/y) ?? '';
  const operator = take(sign, 0, /==|!=|<=|>=|!~|<|>|~/y) as Operator | null;
  if (operator === null || sign !== operator) throw new Unexpected(at, expectedOperator(sign));
  return { operator, valueAt: afterBlanks(expr, at + operator.length) };
}

function expectedOperator(sign: string): string {
  const meant: Record<string, string> = {
    '=': '"=="',
    '===': '"=="',
    '!==': '"!="',
    '=~': '"~"',
    '=<': '"<="',
    '=>': '">="',
    '<>': '"!="',
  };
  return (Object.hasOwn(meant, sign) && meant[sign]) || 'one of ==, !=, <, <=, >, >=, ~, !~';
}

function shifted<T>(by: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Unexpected ? new Unexpected(error.at + by, error.expected) : error;
  }
}

function afterBlanks(text: string, at: number): number {
  const rest = text.slice(at);
  return at + rest.length - rest.trimStart().length;
}

function take(text: string, at: number, pattern: RegExp): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

function spell(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}
