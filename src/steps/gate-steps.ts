/** Tells which step in the group an event of the helper's is about: several may run at a time. */

import type { GateEvent, StepRequest } from '../gate/protocol.ts';
import type { Stop } from '../launch/stop.ts';
import type { Supervisor } from '../launch/supervisor.ts';

type Event<Kind extends GateEvent['event']> = Extract<GateEvent, { event: Kind }>;
export type Begun = Event<'go' | 'denied' | 'setup-error'>;
export type Ended = Event<'exit' | 'denied' | 'setup-error'>;

export type GateSteps = Readonly<{
  /** Null: the helper is gone. */
  begin: (request: StepRequest) => Promise<Readonly<{ number: number; begun: Begun }> | null>;
  /** Null: the helper is gone. Only after `begin` has told of a step that goes. */
  end: (number: number) => Promise<Ended | null>;
  /** The run is over: that the helper goes is no loss any more. */
  close: () => void;
}>;

export function followGate(supervisor: Supervisor, stop: Stop): GateSteps {
  const running = new Map<number, PromiseWithResolvers<Ended | null>>();
  let begun = 0;
  let beginning: PromiseWithResolvers<Begun | null> | null = null;
  let isReading = false;
  let isClosed = false;

  const settle = (event: Begun | Ended): void => {
    if (event.event === 'go' || (beginning !== null && event.event !== 'exit' && !isOfRunning(event))) {
      beginning?.resolve(event as Begun);
      beginning = null;
      return;
    }
    const [number] = 'step' in event ? [event.step] : [...running.keys()].slice(-1);
    if (number === undefined) return;
    running.get(number)?.resolve(event as Ended);
    running.delete(number);
  };
  // A program that was let go and then could not be executed.
  const isOfRunning = (event: Begun | Ended): boolean => 'step' in event && running.has(event.step);
  const read = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    try {
      while (beginning !== null || running.size > 0)
        settle(await supervisor.next('go', 'denied', 'exit', 'setup-error'));
    } catch {
      if (!isClosed) stop.end('gate-lost');
      beginning?.resolve(null);
      for (const { resolve } of running.values()) resolve(null);
      running.clear();
    } finally {
      isReading = false;
    }
  };

  return {
    begin: async (request) => {
      beginning = Promise.withResolvers<Begun | null>();
      const { promise } = beginning;
      const number = begun;
      begun += 1;
      supervisor.step(request);
      void read();
      const event = await promise;
      return event === null ? null : { number, begun: event };
    },
    end: (number) => {
      const waiting = running.get(number) ?? Promise.withResolvers<Ended | null>();
      running.set(number, waiting);
      void read();
      return waiting.promise;
    },
    close: () => {
      isClosed = true;
    },
  };
}
