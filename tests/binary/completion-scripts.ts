/** Completion scripts of the sample module, for the tests in real shells. */
import { completionScript, type Shell } from "../../src/surface/completion.ts";
import { sampleModule } from "../surface/sample-module.ts";

const tricky = { words: "config check", summary: 'It\'s a \\ "check": $(touch x) `y` !', options: ["set"] };

export function sampleScript(shell: Shell): string {
  const table = new Map(sampleModule.operations.map((operation) => [operation.id, operation]));
  const commands = [{ words: "up", summary: "Run a node", options: ["detach"] }, tricky];
  return completionScript(shell, { table, modules: [sampleModule], commands });
}

/** What is typed before Tab, and the words that must be offered; `undefined` when files are. */
export const cases: readonly {
  readonly typed: readonly string[];
  readonly offered: readonly string[] | undefined;
}[] = [
  { typed: ["sam"], offered: ["sample"] },
  { typed: ["conf"], offered: ["config"] },
  { typed: ["config", ""], offered: ["check"] },
  { typed: ["--node", "pi", "u"], offered: ["up"] },
  { typed: ["sample", "f"], offered: ["file", "forever"] },
  { typed: ["sample", "echo", "--le"], offered: ["--level"] },
  { typed: ["echo", "--de"], offered: ["--deep"] },
  { typed: ["echo", "--no-d"], offered: ["--no-deep"] },
  { typed: ["sample", "echo", "--level", ""], offered: ["info", "warn"] },
  { typed: ["sample", "echo", "--level", "w"], offered: ["warn"] },
  { typed: ["sample", "echo", "--text", "x", "--jso"], offered: ["--json"] },
  { typed: ["sample", "far"], offered: undefined },
  { typed: ["sample", "store", ""], offered: undefined },
  { typed: ["up", "--de"], offered: ["--detach"] },
  { typed: ["config", "check", "--se"], offered: ["--set"] },
];
