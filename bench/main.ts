/**
 * npm run bench [-- [--quick] [--boots N] [section …]]: what kmem-run costs, compared with the alternatives, in one run
 * and as ratios. It measures and prints; it judges nothing and fails only if it could not measure.
 */

import { cpus, loadavg, release } from 'node:os';
import { createBench, type Section } from './bench.ts';
import { apache } from './sections/apache.ts';
import { calls } from './sections/calls.ts';
import { denials } from './sections/denials.ts';
import { enforce } from './sections/enforce.ts';
import { launch } from './sections/launch.ts';
import { loads } from './sections/loads.ts';
import { memory } from './sections/memory.ts';
import { onFault } from './sections/on-fault.ts';
import { profile } from './sections/profile.ts';
import { programs } from './sections/programs.ts';
import { report } from './sections/report.ts';
import { servers } from './sections/servers.ts';
import { sweep } from './sections/sweep.ts';
import { vm } from './sections/vm.ts';

const sections: readonly Section[] = [
  launch,
  calls,
  loads,
  apache,
  programs,
  denials,
  memory,
  sweep,
  vm,
  report,
  enforce,
  onFault,
  profile,
  servers,
];

function usage(): string {
  const list = sections.map(({ name, about }) => `  ${name.padEnd(10)}${about}\n`).join('');
  return `usage: npm run bench -- [--quick] [--boots N] [section …]\n${list}`;
}

function header(quick: boolean): string {
  const [cpu] = cpus();
  const [load = 0] = loadavg();
  const busy = load > cpus().length / 2 ? ' (others are at work: expect wide spreads)' : '';
  return [
    `Linux ${release()}, Node ${process.versions.node}, ${cpus().length} × ${cpu?.model ?? 'CPU'}, load ${load.toFixed(2)}${busy}`,
    `medians with quartiles of interleaved rounds${quick ? '; --quick: few of them' : ''}`,
    '',
  ].join('\n');
}

function takeBoots(words: readonly string[], usual: number): { boots: number; rest: readonly string[] } {
  const at = words.indexOf('--boots');
  const boots = Number(words[at + 1]);
  if (at < 0 || !Number.isInteger(boots) || boots < 1) return { boots: usual, rest: words };
  return { boots, rest: words.toSpliced(at, 2) };
}

async function main(words: readonly string[]): Promise<number> {
  const quick = words.includes('--quick');
  const { boots, rest } = takeBoots(words, quick ? 10 : 100);
  const names = rest.filter((word) => word !== '--quick');
  const unknown = names.find((name) => !sections.some((section) => section.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: no section ${unknown}\n${usage()}`);
    return 2;
  }
  const bench = createBench({ quick, boots });
  bench.say(header(bench.quick));
  let status = 0;
  for (const section of sections.filter(({ name, onlyByName }) =>
    names.length === 0 ? !onlyByName : names.includes(name),
  )) {
    bench.say(`\n${section.name}: ${section.about}\n`);
    try {
      await section.run(bench);
    } catch (error) {
      bench.say(`  could not be measured: ${(error as Error).message}\n`);
      status = 1;
    }
  }
  return status;
}

process.exitCode = await main(process.argv.slice(2));
