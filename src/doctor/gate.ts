/** The native helper and the gate that it is: installed, and seen to let a program pass and to deny. */

import { constants } from 'node:os';
import { execa } from 'execa';
import { errnoName } from '../gate/protocol.ts';
import { setupErrorOf } from '../launch/setup-errors.ts';
import { headline } from '../report/headline.ts';
import { counted, shortSize } from '../report/words.ts';
import { pageSize } from '../spec/page-size.ts';
import { type Check, type Finding, missing, note, ok, refused } from './check.ts';
import { OUTSIDE } from './remedies.ts';
import { counter, start } from './trial.ts';
import { helper } from './helper.ts';
