import { StringDecoder } from 'node:string_decoder';

/** Splits a stream of bytes into lines; a character split between two chunks stays whole. */
export function cutLines(onLine: (line: string) => void): (chunk: Buffer) => void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (chunk) => {
    const text = decoder.write(chunk);
    // A line of a megabyte arrives in many chunks: it is scanned only once.
    if (!text.includes('\n')) {
      rest += text;
      return;
    }
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}
