/** A command behind the gate, started without a runner: the only way to leave out the BPF programs. */

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGroup } from '../src/cgroup/group.ts';
import { killGroup } from '../src/cgroup/kill.ts';
import { openLock } from '../src/cgroup/lock.ts';
import { removeGroup } from '../src/cgroup/remove.ts';
import { helperPath } from '../src/gate/helper.ts';
import { normaliseSpec } from '../src/request/normalise.ts';
import { gateConfig, planRun } from '../src/run/plan.ts';
import { startSupervisor } from '../src/run/supervisor.ts';
import type { Bench } from './bench.ts';
import { GENEROUS, type Words } from './commands.ts';

export type GatedRun = Readonly<{
  /** From the configuration until the command may start. */
  startMs: number;
  /** Waits for it to exit, and returns its output. */
  output: () => Promise<string>;
  /** Kills what still runs. */
  end: () => Promise<void>;
}>;

export type Options = Readonly<{
  /** BPF programs watch the group, as in every kmem-run run. */
  watched: boolean;
  /** As `--cpus 0`. */
  onOneCpu: boolean;
}>;

/** @throws Error if the programs do not load, or nothing starts */
export async function startGated(bench: Bench, words: Words, { watched, onOneCpu }: Options): Promise<GatedRun> {
  const id = randomBytes(6).toString('hex');
  const lock = openLock(id);
  const printed = join(bench.folder, `printed-${id}`);
  const stdout = openSync(printed, 'w');
  let unwatched = false;
  const supervisor = startSupervisor({
    helper: helperPath(),
    lockFd: lock.fd,
    stdio: { stdin: 'ignore', stdout, stderr: 'inherit' },
    onEvent: ({ event }) => {
      unwatched ||= event === 'unwatched';
    },
    onLost: () => {},
  });
  await supervisor.next('locked');
  const spec = normaliseSpec({ command: words, kmem: GENEROUS, enforce: 'gate', ...(onOneCpu ? { cpus: '0' } : {}) });
  const plan = await planRun(spec, null);
  const group = createGroup({ id, hierarchies: plan.hierarchies, parent: null, pids: false });
  const end = async (): Promise<void> => {
    await killGroup(group);
    supervisor.finish();
    await supervisor.ended;
    await removeGroup(group);
    closeSync(stdout);
    lock.release();
  };
  const began = performance.now();
  const config = gateConfig(plan, spec, group, lock.path);
  supervisor.configure({ ...config, watched: watched ? config.watched : null });
  const request = plan.steps[0]?.request ?? null;
  if (request !== null) supervisor.step(request);
  const { event } = await supervisor.next('go', 'denied', 'setup-error');
  const startMs = performance.now() - began;
  if (event !== 'go' || unwatched) {
    await end();
    throw new Error(unwatched ? 'BPF programs do not load here' : `${words.join(' ')}: ${event}`);
  }
  return {
    startMs,
    output: async () => {
      const exit = await supervisor.next('exit');
      await end();
      if (exit.code !== 0) throw new Error(`${words.join(' ')}: exit ${exit.code ?? exit.signal}`);
      return readFileSync(printed, 'utf8');
    },
    end,
  };
}
