import { SetupError } from '../errors.ts';
import { packageRoot } from '../gate/find-helper.ts';
import { print } from '../host/print.ts';
import { pageScript } from '../report/html/frame.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { quote } from '../text/quote.ts';
import { visible } from '../text/visible.ts';
import { version } from '../version.ts';
import { mustHave, readStoredArguments } from './stored.ts';

export const serveUsage = `kmem-run serve [--port N] [--store FILE]

Shows what is kept as pages in a browser on this machine: lists, searches, opens, compares, and follows an experiment that is
running. It only reads. The address is printed on stdout; whoever has it, token and all, can read along. Ctrl-C ends it.

  --port N      listen on this port of 127.0.0.1 (any that is free)
  --store FILE  show this store instead of your own

Exit status: 0 when it was ended by Ctrl-C or a signal, 125 it could not begin.
`;

/** `kmem-run serve`: until a signal ends it, which is how it is meant to end. */
export async function serveCommand(argv: readonly string[]): Promise<number> {
  const { words, store, help, value } = readStoredArguments(argv, { port: { type: 'string' } });
  if (help) {
    await print(serveUsage);
    return 0;
  }
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
    'use 1024 to 65535, or leave it out for a free one',
  );
}
