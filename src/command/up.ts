/** `operone up`: runs a node in this process, or starts one in the background and waits until it answers. */
import { type ErrorCode, OperoneError } from "../kernel/error.ts";
import { dataPaths } from "../platform/paths.ts";
import { restartWithoutInjection } from "../platform/self.ts";
import { endSoon, onStopSignals, onUncaught } from "../platform/signals.ts";
import { detachedFlag, reportStart } from "../platform/start-report.ts";
import type { CommandInput } from "./command.ts";
import { prepareHome } from "./home.ts";
import { type RunningNode, startNode } from "./node.ts";
import { welcome, welcomeFacts } from "./welcome.ts";

/** For a node in the background, from its start to its first answer. */
const startTimeoutMs = 30_000;

export async function up(input: CommandInput): Promise<number> {
  if (input.flag("detach")) return await upDetached(input);
  restartWithoutInjection();
  const detached = input.flag(detachedFlag.slice(2));
  try {
    const { directory } = input;
    const node = await startNode({
      directory,
      settings: input.texts("set"),
      background: detached,
      onLog: (log) => onUncaught((what, error) => log.error(what, { error })),
    });
    const ended = stopReason(node);
    const text = startText(input, node);
    if (detached) reportStart({ ok: true, text });
    else input.terminal.out(text);
    const code = await finish(node, await ended);
    endSoon();
    return code;
  } catch (error) {
    if (detached) reportStart({ ok: false, code: codeOf(error), text: textOf(error) });
    throw error;
  }
}

async function upDetached({ directory, texts, json, terminal }: CommandInput): Promise<number> {
  terminal.out(await startBackground({ directory, settings: texts("set"), json }));
  return 0;
}

/** Starts a node that goes on without this process, and gives what it says of itself. @throws OperoneError its reason not to start */
export async function startBackground({
  directory,
  settings,
  json,
}: {
  readonly directory: string;
  readonly settings: readonly string[];
  readonly json: boolean;
}): Promise<string> {
  prepareHome(directory);
  const paths = dataPaths(directory);
  const sets = settings.flatMap((setting) => ["--set", setting]);
  const argv = ["up", "--data", directory, ...sets, ...(json ? ["--json"] : [])];
  const { startDetached } = await import("../platform/detach.ts");
  const { pid, report } = await startDetached(argv, paths.output, startTimeoutMs);
  if (report === undefined) {
    throw new OperoneError(
      "deadline",
      `The node (process ${pid}) did not answer within ${startTimeoutMs / 1000} s; it may still come up: see ${paths.output}, or stop it with "operone down"`,
    );
  }
  if (!report.ok) throw new OperoneError(report.code, report.text);
  return report.text;
}

function startText({ json }: CommandInput, node: RunningNode): string {
  const facts = welcomeFacts(node);
  return json ? `${JSON.stringify(facts)}\n` : welcome(facts);
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof OperoneError ? error.code : "internal";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface StopReason {
  readonly reason: string;
  readonly failed: boolean;
}

function stopReason(node: RunningNode): Promise<StopReason> {
  return new Promise((resolve) => {
    onStopSignals((signal) => resolve({ reason: signal, failed: false }));
    void node.kernel.stopRequested.then((reason) => {
      const failed = node.kernel.view
        .modules()
        .some((module) => module.required && module.state === "failed");
      resolve({ reason, failed });
    });
  });
}

async function finish(node: RunningNode, { reason, failed }: StopReason): Promise<number> {
  node.log.info("stopping", { reason });
  await node.stop();
  if (failed) throw new OperoneError("unavailable", `The node stopped: ${reason}`);
  return 0;
}
