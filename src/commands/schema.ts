import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';

export const schemaUsage = `kmem-run schema

Prints the JSON Schema of the result that --json writes.

Exit status: 0.
`;

/** Prints the JSON Schema of the result, made from the same definitions that check it. */
export async function schemaCommand(argv: readonly string[]): Promise<number> {
  if (argv[1] === '--help') {
    await print(schemaUsage);
    return 0;
  }
  if (argv.length > 1)
    throw new SetupError('unexpected-argument', `schema: unexpected argument ${argv[1]}`, 'use kmem-run schema');
  const { resultJsonSchema } = await import('../result/validate.ts');
  await print(`${JSON.stringify(resultJsonSchema(), null, 2)}\n`);
  return 0;
}
