import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';

export const schemaHelp: CommandHelp = {
  synopsis: ['kmem-run schema'],
  text: ['Prints the JSON Schema of the result that --json writes.'],
  options: [],
  status: [['0', 'printed']],
};

/** Prints the JSON Schema of the result, made from the same definitions that check it. */
export async function schemaCommand(argv: readonly string[]): Promise<number> {
  if (argv.length > 1)
    throw new SetupError('unexpected-argument', `schema: unexpected argument ${argv[1]}`, 'use kmem-run schema');
  const { resultJsonSchema } = await import('../result/json-schema.ts');
  await print(`${JSON.stringify(resultJsonSchema(), null, 2)}\n`);
  return 0;
}
