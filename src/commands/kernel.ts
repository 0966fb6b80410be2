import { SetupError } from '../errors.ts';
import { signalNumber } from '../host/exit-status.ts';
import { print } from '../host/print.ts';
import type { Way } from '../kernels/add.ts';
import type { CommandHelp } from '../manual/page.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { addedText, downloadProgress, listJson, listText, verifiedText } from './kernel-report.ts';
import { flagOption, pageOptions, valueOption } from './option-kinds.ts';
import { type Given, type OptionForm, readOptions, splitAtSeparator } from './read-options.ts';

const OF_ADD = { group: 'Options of add:' } as const;
const LIST_OPTIONS = { json: flagOption('print JSON', { group: 'Options of list:' }) } as const;
const ADD_OPTIONS = {
  mirror: valueOption('URL', "use this Debian mirror instead of those in apt's configuration", OF_ADD),
  deb: valueOption('FILE', 'use this package (linux-image-…)', OF_ADD),
  image: valueOption('FILE', 'use this image (a vmlinuz or a vmlinux; on arm64 an Image)', OF_ADD),
  modules: valueOption('DIR', 'with --image, use the modules in this folder', OF_ADD),
} as const;

export const kernelHelp: CommandHelp = {
  synopsis: [
    'kmem-run kernel list [--json]',
    'kmem-run kernel add NAME [--mirror URL | --deb FILE]',
    'kmem-run kernel add NAME --image FILE --modules DIR',
    'kmem-run kernel remove NAME',
    'kmem-run kernel verify [NAME]',
  ],
  text: [
    'Manages the kernels in your cache folder that --kernel NAME boots.',
    "5.10, 6.1 and 6.12 are the newest generic kernels of Debian 11, 12 and 13. apt fetches them and verifies them with Debian's keys. Use any other NAME for a kernel of your own. An existing kernel of that name is replaced.",
  ],
  actions: {
    list: { about: 'list the kernels that were added', takes: null },
    add: { about: 'add a kernel', takes: '5.10|6.1|6.12' },
    remove: { about: 'remove a kernel and its unfinished download', takes: 'KERNEL' },
    verify: { about: 'check the files of one kernel, or of all, against their checksums', takes: 'KERNEL' },
  },
  options: pageOptions({ ...LIST_OPTIONS, ...ADD_OPTIONS }),
  status: [
    ['0', 'done'],
    ['1', 'verify found a damaged kernel'],
  ],
};

type Action = Readonly<{
  options: Readonly<Record<string, OptionForm>>;
  /** The minimum and maximum number of names. */
  names: readonly [number, number];
  run: (given: Given) => Promise<number>;
}>;

const actions: Readonly<Record<string, Action>> = {
  list: { options: LIST_OPTIONS, names: [0, 0], run: list },
  add: { options: ADD_OPTIONS, names: [1, 1], run: add },
  remove: { options: {}, names: [1, 1], run: remove },
  verify: { options: {}, names: [0, 1], run: verify },
};

/** `kmem-run kernel`: 0 done, 1 a kernel is damaged. */
export async function kernelCommand(argv: readonly string[]): Promise<number> {
  const { action, given } = readArguments(argv);
  return action.run(given);
}

/** Work that a signal stops, after it has cleaned up. */
async function interruptible(work: (signal: AbortSignal) => Promise<void>, ifInterrupted: string): Promise<number> {
  const interrupts = watchInterrupts();
  try {
    await work(interrupts.signal);
    return 0;
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    note(`interrupted; ${ifInterrupted}`);
    return 128 + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
  }
}

async function list({ booleans }: Given): Promise<number> {
  const { listKernels, unfinishedDownloads } = await import('../kernels/list.ts');
  const kernels = await listKernels(false);
  const unfinished = unfinishedDownloads();
  await print(
    booleans.get('json')
      ? listJson(kernels, unfinished)
      : listText(kernels, unfinished, process.stdout.columns || null),
  );
  return 0;
}

async function add(given: Given): Promise<number> {
  const way = wayOf(given);
  const { addKernel, DEBIAN_KEYRING } = await import('../kernels/add.ts');
  const progress = downloadProgress(process.stderr);
  const say = (text: string): void => {
    progress.clear();
    note(text);
  };
  return interruptible(async (signal) => {
    try {
      const options = { way, keyring: DEBIAN_KEYRING, signal, say, onDownload: progress.update };
      const added = await addKernel(nameIn(given), options);
      progress.clear();
      void print(addedText(added));
    } finally {
      progress.clear();
    }
  }, 'the download is saved; add the kernel again to resume it');
}

async function remove(given: Given): Promise<number> {
  const [{ removeKernel }, { removeSnapshotsOf }] = await Promise.all([
    import('../kernels/remove.ts'),
    import('../vm/snapshots.ts'),
  ]);
  const name = nameIn(given);
  return interruptible(async (signal) => {
    await removeKernel(name, { signal, say: note });
    removeSnapshotsOf(name);
    void print(`removed ${name}\n`);
  }, 'nothing was removed');
}

async function verify({ positionals: [name] }: Given): Promise<number> {
  const { listKernels, verifyKernel } = await import('../kernels/list.ts');
  const kernels = name === undefined ? await listKernels(true) : [await verifyKernel(name)];
  await print(verifiedText(kernels));
  return kernels.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

function note(text: string): void {
  process.stderr.write(`kmem-run: ${text}\n`);
}

function nameIn({ positionals: [name = ''] }: Given): string {
  return name;
}

function wayOf({ strings }: Given): Way {
  const value = (name: string) => strings.get(name)?.[0] ?? null;
  const [url, deb, image, modules] = [value('mirror'), value('deb'), value('image'), value('modules')];
  const ways = { mirror: url, deb, image: image ?? modules };
  const given = Object.entries(ways).filter(([, each]) => each !== null);
  if (given.length > 1) {
    throw new SetupError(
      'contradiction',
      `${given.map(([name]) => `--${name}`).join(' and ')} cannot be combined`,
      'use one of --mirror URL, --deb FILE, --image FILE --modules DIR',
    );
  }
  if (deb !== null) return { way: 'deb', file: deb };
  if (image !== null && modules !== null) return { way: 'image', file: image, modules };
  if (image === null && modules === null) return { way: 'mirror', url };
  const missing = image === null ? '--image FILE' : '--modules DIR';
  throw new SetupError('missing-option', `${missing} is missing`, 'use --image and --modules together');
}

function readArguments(argv: readonly string[]): { action: Action; given: Given } {
  const { before, after } = splitAtSeparator(argv.slice(1));
  const [name, ...tokens] = before;
  const action = name === undefined || !Object.hasOwn(actions, name) ? undefined : actions[name];
  if (action === undefined) throw noSuchAction(name);
  const given = readOptions(tokens, action.options);
  const [least, most] = action.names;
  if (given.positionals.length < least) {
    throw new SetupError(
      'missing-name',
      `kernel ${name} requires a name`,
      `use kmem-run kernel ${name} NAME, for example 5.10`,
    );
  }
  const stray = given.positionals[most] ?? (after === null ? undefined : '--');
  if (stray === undefined) return { action, given };
  throw new SetupError(
    'unexpected-argument',
    `kernel ${name}: unexpected argument ${quote(stray)}`,
    'see kmem-run kernel --help',
  );
}

function noSuchAction(name: string | undefined): SetupError {
  const otherwise = `use one of ${Object.keys(actions).join(', ')}; see kmem-run kernel --help`;
  if (name === undefined) return new SetupError('missing-action', 'kernel requires a command', otherwise);
  return new SetupError(
    'unknown-action',
    `unknown kernel command: ${quote(name)}`,
    didYouMean(name, Object.keys(actions), otherwise),
  );
}
