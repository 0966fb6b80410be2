// The build makes dist/guest-start.cjs of this: one file, so that a guest need not have more in its memory. The agent in a
// microVM starts it as root, under the Node that runs kmem-run on the host. Its one argument is the file of V8's code
// cache, which the host keeps: files written here are lost with the guest.
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { loadBundle, readOrNothing } from './code-cache.js';

v8.setFlagsFromString('--semi-space-growth-factor=1');
v8.setFlagsFromString('--single-threaded');
// Emulated, an interpreter is slow.
v8.setFlagsFromString('--always-sparkplug');

const bundle = fileURLToPath(new URL('guest.cjs', import.meta.url));
const { script, run } = loadBundle(bundle, readOrNothing(process.argv[2]));
const { main, send } = run();

main(() => {
  if (script.cachedDataRejected === false) return;
  send({ event: 'code-cache', data: script.createCachedData().toString('base64') });
}).catch((error) => {
  process.stderr.write(`kmem-run: an error of kmem-run's own in the microVM: ${error.stack}\n`);
  process.exitCode = 125;
});
