/** The configuration from package.json, with the test files run in the order given on the command line. */

import { readFileSync } from 'node:fs';

const { ava } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** @param {string} file */
const place = (file) => process.argv.findIndex((word) => file.endsWith(`/${word}`));

export default { ...ava, sortTestFiles: (/** @type {string} */ a, /** @type {string} */ b) => place(a) - place(b) };
