import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileOf, targets, thisMachine } from "../../build.ts";
import { bunCounts, type Counts, denoCounts, nothing, one, sum } from "./counts.ts";
import { coverage } from "./coverage.ts";
import { arm64Runner, missingFor } from "./needs.ts";
import { type Place, run } from "./run.ts";

export interface Result extends Counts {
  /** Shown in full when something failed. */
  readonly output: string;
  /** A few words for the check's line. */
  readonly note?: string;
  readonly skips?: readonly string[];
}

export interface Step {
  readonly name: string;
  readonly after?: string;
  readonly run: (place: Place) => Promise<Result>;
}

const minuteMs = 60_000;
const bun = process.execPath;
const testTimeout = "--timeout=30000";

/** A package's command, run by this Bun: the machine may have no Node. */
const tool = (path: string, ...args: string[]): string[] => [bun, `node_modules/${path}`, ...args];

function question(name: string, argv: readonly string[]): Step {
  return {
    name,
    async run(place) {
      const { code, output } = await run(place, argv, 5 * minuteMs);
      return { ...one(code), output };
    },
  };
}

function skipped(reason: string): Result {
  return { passed: 0, failed: 0, skipped: 1, output: "", skips: [reason] };
}

const unit: Step = {
  name: "unit",
  async run(place) {
    const lcov = [
      "--coverage",
      "--coverage-reporter=lcov",
      `--coverage-dir=${join(place.scratch, "coverage")}`,
    ];
    const argv = [bun, "test", "--only-failures", testTimeout, ...lcov];
    const { code, output } = await run(place, argv, 15 * minuteMs);
    return { ...bunCounts(output, code), output };
  },
};

const covered: Step = {
  name: "coverage",
  after: "unit",
  async run(place) {
    const { lines, linesMin, report } = await coverage(place.cwd, join(place.scratch, "coverage/lcov.info"));
    const note = `${(lines * 100).toFixed(1)} % of lines, at least ${(linesMin * 100).toFixed(1)} %`;
    return { ...one(lines >= linesMin ? 0 : 1), output: report, note };
  },
};

const distOf = (place: Place): string => join(place.scratch, "dist");

const build: Step = {
  name: "build",
  async run(place) {
    const here = (await thisMachine()).id;
    const ids = [...new Set([here, "linux-arm64"])];
    const chosen = ids.flatMap((id) => ["--target", id]);
    const argv = [bun, "build.ts", "--out", distOf(place), ...chosen];
    const { code, output } = await run(place, argv, 5 * minuteMs);
    return { ...one(code), output, note: ids.join(", ") };
  },
};

/** The tests of a folder that not every machine can run, and why this one cannot run some. */
async function testsIn(place: Place, folder: string): Promise<{ possible: string[]; skips: string[] }> {
  const files = (await readdir(join(place.cwd, folder))).filter((file) => file.endsWith(".test.ts")).sort();
  const skips = files.flatMap((file) => {
    const reason = missingFor(file);
    return reason === undefined ? [] : [`${folder}/${file}: ${reason}`];
  });
  const possible = files
    .filter((file) => missingFor(file) === undefined)
    .map((file) => `./${folder}/${file}`);
  return { possible, skips };
}

async function testFiles(
  place: Place,
  possible: readonly string[],
  skips: readonly string[],
): Promise<Result> {
  const left = { passed: 0, failed: 0, skipped: skips.length };
  if (possible.length === 0) return { ...left, output: "", skips };
  // bunfig.toml keeps these files out of a plain `bun test`; naming no pattern that matches lets them in.
  const argv = [bun, "test", "--only-failures", testTimeout, "--path-ignore-patterns=none", ...possible];
  const { code, output } = await run(place, argv, 15 * minuteMs);
  return { ...sum([bunCounts(output, code), left]), output, skips };
}

const binary: Step = {
  name: "binary",
  after: "build",
  async run(place) {
    const { possible, skips } = await testsIn(place, "tests/binary");
    const arm64 = targets.find(({ id }) => id === "linux-arm64");
    const env = {
      ...place.env,
      OPERONE_BINARY: join(distOf(place), fileOf(await thisMachine())),
      OPERONE_BINARY_ARM64: arm64 && join(distOf(place), fileOf(arm64)),
      OPERONE_ARM64_RUNNER: arm64Runner(),
    };
    return testFiles({ ...place, env }, possible, skips);
  },
};

const interop: Step = {
  name: "interop",
  async run(place) {
    const { possible, skips } = await testsIn(place, "tests/interop");
    return testFiles(place, possible, skips);
  },
};

const sandbox: Step = {
  name: "sandbox",
  async run(place) {
    const { possible, skips } = await testsIn(place, "tests/sandbox");
    return testFiles(place, possible, skips);
  },
};

const inDeno = ["src/kernel", "src/surface"];

/** Deno's own program: the package's launcher wants Node. */
async function denoProgram(place: Place): Promise<string | undefined> {
  const found = new Bun.Glob("node_modules/@deno/*/{deno,deno.exe}").scan({
    cwd: place.cwd,
    onlyFiles: true,
  });
  for await (const file of found) return join(place.cwd, file);
  return undefined;
}

function deno(name: string, args: readonly string[], counts: (output: string, code: number) => Counts): Step {
  return {
    name,
    async run(place) {
      const program = await denoProgram(place);
      if (program === undefined)
        return skipped(`${name}: the npm package deno has no program for this system`);
      const { code, output } = await run(place, [program, ...args, ...inDeno], 5 * minuteMs);
      return { ...nothing, ...counts(output, code), output };
    },
  };
}

/** Longest first; two run at a time. */
export const steps: readonly Step[] = [
  unit,
  build,
  binary,
  interop,
  sandbox,
  covered,
  question("types", tool("typescript/bin/tsc", "--noEmit")),
  question("lint", tool("@biomejs/biome/bin/biome", "check", "--error-on-warnings")),
  question("dead code", tool("knip/bin/knip.js", "--no-progress")),
  deno("deno check", ["check"], (_, code) => one(code)),
  // Without permissions: the kernel and the surfaces need none.
  deno("deno test", ["test", "--no-prompt", "--reporter=dot"], denoCounts),
];
