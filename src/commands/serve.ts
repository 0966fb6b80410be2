import { SetupError } from '../errors.ts';
import { packageRoot } from '../gate/find-helper.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { pageScript } from '../report/html/frame.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { quote } from '../text/quote.ts';
import { visible } from '../text/visible.ts';
import { version } from '../version.ts';
import { pageOptions, STORE, valueOption } from './option-kinds.ts';
import { mustHave, readStoredArguments } from './stored.ts';

const OPTIONS = {
  port: valueOption('N', 'listen on this port of 127.0.0.1', { byDefault: 'any free port' }),
  ...STORE,
} as const;

export const serveHelp: CommandHelp = {
  synopsis: ['kmem-run serve [options]'],
  text: [
    'Lists, searches, opens and compares saved results in a browser on this machine, and follows a running experiment. serve never writes to the store.',
    'The address is printed on stdout. The address contains a token. Anyone who has the address can read the pages. Ctrl-C stops the server.',
  ],
  options: pageOptions(OPTIONS),
  status: [
    ['0', 'stopped by Ctrl-C or a signal'],
    ['125', 'the server could not start'],
  ],
};

/** `kmem-run serve`: runs until a signal stops it, which is the intended way. */
export async function serveCommand(argv: readonly string[]): Promise<number> {
  const { words, store, value } = readStoredArguments(argv, OPTIONS);
  mustHave(words, 0, 'see kmem-run serve --help');
  const port = portOf(value('port'));
  const [{ serve }, { answersOf }, { viewStore }, pages] = await Promise.all([
    import('../serve/server.ts'),
    import('../serve/answers.ts'),
    import('../serve/query.ts'),
    import('../serve/pages.ts'),
  ]);
  const root = packageRoot(import.meta.dirname);
  const [script, liveScript] = [pageScript(root), pageScript(root, 'serve-page.js')];
  const view = viewStore(store);
  const interrupts = watchInterrupts();
  try {
    const serving = await serve(port, answersOf({ view, pages, script, liveScript, version }));
    process.stderr.write(`kmem-run: ${visible(view.file)} is served at this address; press Ctrl-C to stop\n`);
    await print(`${serving.address}\n`);
    await new Promise((resolve) => {
      if (interrupts.signal.aborted) resolve(null);
      interrupts.signal.addEventListener('abort', resolve, { once: true });
    });
    await serving.close();
  } finally {
    view.close();
  }
  return 0;
}

function portOf(text: string | null): number | null {
  if (text === null) return null;
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new SetupError(
    'bad-option',
    `--port: ${quote(text)} is not a port`,
    'use 1024 to 65535, or leave it out for a free port',
  );
}
