/** One chaos run, drawn from a seed and a number. */

import { slowness } from '../needs.ts';
import { type Action, actions, actionsInMicrovms } from './actions.ts';
import { createDraw, type Draw } from './draw.ts';
import { type Kind, kinds, kindsInMicrovms, kindsUnder } from './kinds.ts';

/** Empty lists: all. */
export type Choice = Readonly<{
  seed: number;
  kinds: readonly string[];
  actions: readonly string[];
  /** For microVMs; null: on this machine. */
  kernel: string | null;
  /** Null: each kind's own. */
  enforce: string | null;
}>;

export type Plan = Readonly<{
  number: number;
  kind: Kind;
  action: Action;
  /** From the start to the first signal. */
  delayMs: number;
  /** Between two signals. */
  pauseMs: number;
  /** For choices made when a signal is sent: receivers among the existing processes. */
  draw: Draw;
}>;

const LATEST_MS = 1500;
/** A boot takes seconds. */
const LATEST_IN_MICROVMS_MS = 12_000;
const LONGEST_PAUSE_MS = 600;

export function planOf(choice: Choice, number: number): Plan {
  const { seed, kinds: kindNames, actions: actionNames, kernel, enforce } = choice;
  const draw = createDraw(seed, number);
  const all = enforce === null ? kinds : kindsUnder(enforce);
  const kind = draw.weighted(named(kernel === null ? all : kindsInMicrovms, kindNames, 'kind'));
  const possible = named(kernel === null ? actions : actionsInMicrovms, actionNames, 'action');
  return {
    number,
    kind,
    action: draw.weighted(possible.filter((action) => !(kind.runsOutside && killsOwners(action)))),
    delayMs: draw.below(kernel === null ? LATEST_MS * slowness : LATEST_IN_MICROVMS_MS),
    pauseMs: draw.below(LONGEST_PAUSE_MS),
    draw,
  };
}

/** An owner and its guardian, at the same moment. */
function killsOwners({ signals }: Action): boolean {
  return signals.some(
    (sent) =>
      sent !== 'pause' && sent.signal === 'SIGKILL' && sent.roles.includes('helper') && sent.roles.includes('guardian'),
  );
}

export function replayLine({ seed, kinds, actions, kernel, enforce }: Choice, number: number): string {
  const options = [
    `--seed ${seed} --run ${number}`,
    ...(kinds.length === 0 ? [] : [`--kind ${kinds.join(',')}`]),
    ...(actions.length === 0 ? [] : [`--action ${actions.join(',')}`]),
    ...(kernel === null ? [] : [`--kernel ${kernel}`]),
    ...(enforce === null ? [] : [`--enforce ${enforce}`]),
  ];
  return `npm run test:chaos -- ${options.join(' ')}`;
}

function named<Item extends Readonly<{ name: string }>>(all: readonly Item[], names: readonly string[], what: string) {
  const unknown = names.find((name) => all.every((item) => item.name !== name));
  if (unknown !== undefined)
    throw new Error(`unknown ${what}: ${unknown} (there are ${all.map(({ name }) => name).join(', ')})`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}
