import { execa as start } from 'execa';

/** As of the package, which starts programs in the folder process.cwd(): there is none by that name if it is not UTF-8. */
export const execa = start({ cwd: '/proc/self/cwd' });
