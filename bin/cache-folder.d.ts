type Folder = { folder: string; reason: null } | { folder: null; reason: string | null };
export function findCacheFolder(): Folder;
export function findStateFolder(): Folder;
export function makeFolder(folder: string, mode?: number): void;
export function trustedPath(path: string, isTrusted?: (uid: number) => boolean): string;
export function makePrivate(folder: string): string;
export function isPrivateFile(file: string): boolean;
export function readPrivateFile(file: string): Buffer | undefined;
