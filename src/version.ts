/** Version of kmem-run, available even without package.json (bundled); a test keeps the two equal. */
export const version = '0.1.0';
