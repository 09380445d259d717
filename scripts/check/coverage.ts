import { join, relative } from "node:path";

interface FileCoverage {
  readonly file: string;
  readonly hit: number;
  readonly found: number;
}

/** lcov has one `DA:<line>,<hits>` for each line with code. */
export function readLcov(lcov: string, root: string): FileCoverage[] {
  return lcov
    .split("end_of_record")
    .map((record) => {
      const hits = [...record.matchAll(/^DA:\d+,(\d+)/gm)].map((match) => Number(match[1]));
      const source = /^SF:(.+)$/m.exec(record)?.[1] ?? "";
      const file = source.startsWith("/") ? relative(root, source) : source;
      return { file, hit: hits.filter((count) => count > 0).length, found: hits.length };
    })
    .filter(({ file }) => /^(src|modules)\/.*\.ts$/.test(file) && !file.endsWith(".test.ts"));
}

/** Lines with code, once the types are gone; files of types only have none. */
export function codeLines(source: string): number {
  const plain = new Bun.Transpiler({ loader: "ts" }).transformSync(source);
  return plain.split("\n").filter((line) => /\w/.test(line) && !/^\s*(import|export) ?[{*]/.test(line))
    .length;
}

/** A file that no test loads is missing from lcov. It counts with every line, or leaving tests out would pay. */
async function unloaded(root: string, loaded: ReadonlySet<string>): Promise<FileCoverage[]> {
  const files: FileCoverage[] = [];
  for await (const file of new Bun.Glob("{src,modules}/**/*.ts").scan({ cwd: root })) {
    if (loaded.has(file) || file.endsWith(".test.ts") || file.endsWith(".d.ts")) continue;
    const found = codeLines(await Bun.file(join(root, file)).text());
    if (found > 0) files.push({ file, hit: 0, found });
  }
  return files;
}

export interface Coverage {
  /** 0 to 1, over all lines of src and modules. */
  readonly lines: number;
  readonly linesMin: number;
  readonly report: string;
}

export async function coverage(root: string, lcovFile: string): Promise<Coverage> {
  const { coverage: limits } = await import(join(root, "bunfig.toml"));
  const linesMin = Number(limits.linesMin);
  const measured = readLcov(await Bun.file(lcovFile).text(), root);
  const all = [...measured, ...(await unloaded(root, new Set(measured.map(({ file }) => file))))];
  const total = (key: "hit" | "found") => all.reduce((sum, file) => sum + file[key], 0);
  const lines = total("found") === 0 ? 1 : total("hit") / total("found");
  const worst = all
    .filter(({ hit, found }) => hit < found)
    .sort((a, b) => b.found - b.hit - (a.found - a.hit))
    .slice(0, 25)
    .map(({ file, hit, found }) => `  ${file}: ${found - hit} of ${found} lines not covered`);
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const report = [
    `${percent(lines)} of the lines of src and modules are covered; bunfig.toml asks for ${percent(linesMin)}.`,
    "Cover the lines below; the threshold only rises.",
    ...worst,
  ].join("\n");
  return { lines, linesMin, report };
}
