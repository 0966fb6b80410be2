/** What became of the failures that were asked for. */
import type { GateInjection } from '../gate/protocol.ts';
import { parseAddress } from '../spec/address.ts';
import type { Injection, Result } from './schema.ts';

/** `told`: in the order of `asked`; null where the gate did not get to tell. */
export function injectionsOf(asked: readonly string[], told: readonly GateInjection[]): Result['injections'] {
  if (told.length !== asked.length) return null;
  return told.map((event, index) => injectionOf(asked[index] ?? '', event));
}

function injectionOf(address: string, { reached, denials, seen }: GateInjection): Injection {
  const mode = parseAddress(address).persistent ? 'persistent' : 'once';
  if (reached === 1) return { address, mode, outcome: 'injected', denials, seen: null };
  return { address, mode, outcome: seen === null ? 'not-reached' : 'diverged', denials, seen };
}
