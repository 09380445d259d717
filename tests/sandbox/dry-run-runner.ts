/** A node with shell, as the user that it is started by: takes calls as JSON lines and answers each with one. */
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { errorBody } from "../../src/kernel/error.ts";
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { until } from "../shell/processes.ts";
import { caller, owner, shellNode } from "../shell/shell-node.ts";
import type { Asked, Told } from "./dry-run-stage.ts";

const { home, dataDirectory, config } = JSON.parse(process.argv[2] ?? "{}");
const processes = systemProcesses();
const clean = { ...processes.cleanEnvironment(), HOME: home };
const node = await shellNode(
  config,
  {},
  { host: simulatedHost({ dataDirectory }), processes: { ...processes, cleanEnvironment: () => clean } },
);

async function* endWith(path: string): AsyncGenerator<Uint8Array> {
  await until(() => existsSync(path));
}

async function told({ operation, input, as, sets, stdinUntil }: Asked): Promise<Told> {
  try {
    const answer = await node.kernel.view.call({
      surface: "http",
      operation: `shell.${operation}`,
      input,
      caller: as === undefined ? caller : { kind: "token", id: as, name: as },
      sets: sets ?? [owner],
      ...(stdinUntil === undefined ? {} : { bytes: endWith(stdinUntil) }),
      signal: new AbortController().signal,
    });
    if (answer.gives === "value") return { value: answer.value };
    const items: unknown[] = [];
    if (answer.gives === "items") for await (const item of answer.items) items.push(item);
    return { items };
  } catch (error) {
    return { error: errorBody(error) };
  }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await told(JSON.parse(line))));
await node.kernel.stop();
