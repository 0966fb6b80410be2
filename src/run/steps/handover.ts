/** Finds the step in the group to which an event of the helper belongs: several may run at a time. */

import type { GateEvent, StepRequest } from '../../gate/protocol.ts';
import type { Supervisor } from '../supervisor.ts';

type Event<Kind extends GateEvent['event']> = Extract<GateEvent, { event: Kind }>;
export type Begun = Event<'go' | 'denied' | 'setup-error'>;
export type EndEvent = Event<'exit' | 'denied' | 'setup-error'>;

export type Handed = Readonly<{
  begun: Begun;
  /** For a step in the background: null once its program has been executed; otherwise what prevented that. */
  started: Promise<Event<'setup-error'> | null>;
  /** Null if the helper is gone. */
  ended: Promise<EndEvent | null>;
}>;

export type GateSteps = Readonly<{
  /**
   * One at a time: the next step begins when the last has exited, or has started in the background. Null if the helper
   * is gone.
   */
  begin: (request: StepRequest) => Promise<Handed | null>;
}>;

type Waiting = Readonly<{
  started: PromiseWithResolvers<Event<'setup-error'> | null>;
  ended: PromiseWithResolvers<EndEvent | null>;
}>;

export function followGate(supervisor: Supervisor): GateSteps {
  const running = new Map<number, Waiting>();
  let asked = 0;
  let beginning: PromiseWithResolvers<Handed | null> | null = null;
  let isReading = false;

  const hand = (begun: Begun, number: number): void => {
    const waiting: Waiting = { started: Promise.withResolvers(), ended: Promise.withResolvers() };
    if (begun.event === 'go') running.set(number, waiting);
    beginning?.resolve({ begun, started: waiting.started.promise, ended: waiting.ended.promise });
    beginning = null;
  };
  const take = (event: Begun | EndEvent | Event<'started'>): void => {
    // A step that cannot be set up is always the last one requested.
    const number = 'step' in event ? event.step : asked - 1;
    const waiting = running.get(number);
    if (waiting === undefined) {
      hand(event as Begun, number);
      return;
    }
    waiting.started.resolve(event.event === 'setup-error' ? event : null);
    if (event.event === 'started' || event.event === 'go') return;
    running.delete(number);
    waiting.ended.resolve(event);
  };
  const read = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    try {
      while (beginning !== null || running.size > 0)
        take(await supervisor.next('go', 'started', 'denied', 'exit', 'setup-error'));
    } catch {
      beginning?.resolve(null);
      beginning = null;
      for (const { started, ended } of running.values()) {
        started.resolve(null);
        ended.resolve(null);
      }
      running.clear();
    } finally {
      isReading = false;
    }
  };

  return {
    begin: (request) => {
      beginning = Promise.withResolvers();
      const { promise } = beginning;
      asked += 1;
      supervisor.step(request);
      void read();
      return promise;
    },
  };
}
