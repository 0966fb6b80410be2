import { execa as start } from 'execa';

/** The package starts programs in process.cwd(), which names no folder if the working directory is not UTF-8. */
export const execa = start({ cwd: '/proc/self/cwd' });
