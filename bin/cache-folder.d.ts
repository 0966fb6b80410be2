export function findCacheFolder(): { folder: string; reason: null } | { folder: null; reason: string | null };
export function isPrivateFile(file: string): boolean;
