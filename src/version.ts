/** Version of kmem-run, also where package.json is out of reach (bundled); a test holds the two equal. */
export const version = '0.1.0';
