import { execa } from 'execa';
import { type Check, missing, ok } from './check.ts';

export const helper: Check = {
  name: 'helper',
  remedy: 'reinstall kmem-run, on a file system that allows programs',
  probe: async (bench) => {
    // Compiled now if need be; a missing compiler is a SetupError that names the package.
    const path = bench.helper();
    const { exitCode, shortMessage } = await execa(path, ['locks'], { reject: false });
    return exitCode === 0 ? ok(path) : missing(`${path} cannot be started: ${shortMessage}`);
  },
};
