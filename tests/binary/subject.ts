import { join, resolve } from "node:path";
import { fileOf, targets, thisMachine } from "../../build.ts";

const root = resolve(import.meta.dir, "../..");

async function built(variable: string, id: string): Promise<string> {
  const given = process.env[variable];
  if (given !== undefined && given !== "") return given;
  const target = targets.find((one) => one.id === id);
  if (target === undefined) throw new Error(`build.ts has no target "${id}"`);
  await Bun.$`${process.execPath} build.ts --target ${id} --out dist`.cwd(root).quiet();
  return join(root, "dist", fileOf(target));
}

/** The compiled file under test: the one that the checks made, or a fresh one in dist/. */
export async function binary(): Promise<string> {
  return built("OPERONE_BINARY", (await thisMachine()).id);
}

/** The words that start the ARM file here, through the emulator where it takes one. */
export async function arm64(): Promise<string[]> {
  const file = await built("OPERONE_BINARY_ARM64", "linux-arm64");
  const runner = process.env.OPERONE_ARM64_RUNNER ?? "";
  return [...runner.split(" ").filter((word) => word !== ""), file];
}
