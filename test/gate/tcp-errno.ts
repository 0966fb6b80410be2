import { release } from 'node:os';
import { isOlder } from '../../src/text/versions.ts';

/** Of a TCP socket, as this kernel returns it. */
export const TCP_ERRNO = isOlder(release(), '6.1') ? 'ENOBUFS' : 'ENOMEM';
