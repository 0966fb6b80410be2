export function makerMark(): string;
export function makerOf(name: string): 'alive' | 'gone' | 'unknown' | null;
