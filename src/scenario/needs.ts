/** Whether the machine meets a scenario's requirements; each missing one is reported with its fix. */

import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { readHierarchies } from '../cgroup/hierarchies.ts';
import { SetupError } from '../errors.ts';
import { execa } from '../host/execa.ts';
import { findProgram, isExecutable } from '../host/programs.ts';
import { findKernel } from '../kernels/find.ts';
import { HOST } from '../request/run-spec.ts';
import { isOlder } from '../text/versions.ts';
import type { Scenario } from './types.ts';

/** One sentence each; empty: nothing is missing. */
export async function missingFor({ needs }: Pick<Scenario, 'needs'>, kernel: string): Promise<string[]> {
  const commands = needs.commands.filter((command) => !isInPath(command));
  const files = needs.files.filter((file) => !existsSync(file));
  const packages = await missingPackages(needs.packages);
  const found: string[] = [];
  if (packages.length > 0 || ((commands.length > 0 || files.length > 0) && needs.packages.length > 0)) {
    const lack = [...commands, ...files];
    const names = (packages.length > 0 ? packages : needs.packages).join(' ');
    found.push(`${lack.length > 0 ? `no ${lack.join(', no ')}` : `no package ${names}`}: apt-get install ${names}`);
  } else {
    if (commands.length > 0) found.push(`no ${commands.join(', no ')} in PATH: install it`);
    if (files.length > 0) found.push(`no ${files.join(', no ')}`);
  }
  // In a microVM the user is root if they are root here, and only then.
  if (needs.root && process.geteuid?.() !== 0) found.push('it requires root: run kmem-run as root');
  return [...found, ...(kernel === HOST ? hostLacks(needs) : await kernelLacks(kernel))];
}

function hostLacks({ linux, cgroup }: Scenario['needs']): string[] {
  const found: string[] = [];
  if (linux !== null && isOlder(release(), linux)) found.push(`it requires Linux ${linux}, and this is ${release()}`);
  const version = readHierarchies().memory?.version;
  if (cgroup !== null && version !== Number(cgroup.slice(1))) {
    const there = version === undefined ? 'there is no memory controller' : `kernel memory is counted by v${version}`;
    found.push(`it requires cgroup ${cgroup}, and ${there} here`);
  }
  return found;
}

async function kernelLacks(kernel: string): Promise<string[]> {
  try {
    await findKernel(kernel);
    return [];
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return [`${error.message}: ${error.hint}`];
  }
}

function isInPath(command: string): boolean {
  if (command.includes('/')) return isExecutable(command);
  return findProgram(command) !== null;
}

/** Without dpkg, packages have other names: commands and files decide. */
async function missingPackages(names: readonly string[]): Promise<string[]> {
  if (names.length === 0 || !isInPath('dpkg-query')) return [];
  const states = await Promise.all(
    names.map((name) => execa('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { reject: false })),
  );
  return names.filter((_, index) => states[index]?.stdout !== 'installed');
}
