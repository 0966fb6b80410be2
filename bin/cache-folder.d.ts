type Folder = { folder: string; reason: null } | { folder: null; reason: string | null };
export function findCacheFolder(): Folder;
export function findStateFolder(): Folder;
export function makeFolder(folder: string, mode?: number): void;
export function isPrivateFile(file: string): boolean;
