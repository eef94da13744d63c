/** Reading lcov's tracefiles, as far as nvm-lsp writes them. */

export interface FileLines {
  file: string;
  lines: { line: number; hits: number }[];
  /** Counts of the ways out of a line. */
  branches: Map<number, number[]>;
}

export function readLcov(text: string): FileLines[] {
  const files: FileLines[] = [];
  let current: FileLines | undefined;
  for (const row of text.split(/\r?\n/)) {
    const [kind, value = ""] = [row.slice(0, row.indexOf(":")), row.slice(row.indexOf(":") + 1)];
    if (kind === "SF") files.push((current = { file: value, lines: [], branches: new Map() }));
    else if (kind === "DA") {
      const [line = 0, hits = 0] = value.split(",").map(Number);
      current?.lines.push({ line, hits });
    } else if (kind === "BRDA") {
      const [line = "0", , , count = "-"] = value.split(",");
      const found = current?.branches.get(Number(line)) ?? [];
      found.push(count === "-" ? 0 : Number(count));
      current?.branches.set(Number(line), found);
    }
  }
  return files;
}
