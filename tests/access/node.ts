/** A node with access and one module that asks for rights, on a real directory and a clock that the test moves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Identity } from "../../modules/access/contract.ts";
import { Agents, Credentials, Secrets } from "../../modules/access/contract.ts";
import { access } from "../../modules/access/module.ts";
import { checkList } from "../../src/kernel/checks.ts";
import type { ErrorCode } from "../../src/kernel/error.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { boot, type Kernel, kernelLimits } from "../../src/kernel/kernel.ts";
import { defineModule } from "../../src/kernel/module.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { Checks, Clock, Files, Host, Log, Random } from "../../src/kernel/ports.ts";
import {
  type SimulatedClock,
  type SimulatedLog,
  simulatedClock,
  simulatedHost,
  simulatedLog,
} from "../../src/kernel/simulated.ts";
import { diskFiles } from "../../src/platform/files.ts";

export const random: Random = { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)) };

export interface TestNode {
  readonly directory: string;
  readonly kernel: Kernel;
  readonly clock: SimulatedClock;
  readonly log: SimulatedLog;
  readonly credentials: Credentials;
  /** Inputs that `demo.run` has really run with. */
  readonly ran: unknown[];
  /** As the owner, unless a token is given. Gives the value. */
  call(operation: string, input?: unknown, options?: CallOptions): Promise<unknown>;
  /** The refusal; fails when the call was not refused. */
  refused(operation: string, input?: unknown, options?: CallOptions): Promise<OperoneError>;
  /** Creates a token and gives it with its id. */
  token(input: Readonly<Record<string, unknown>>): Promise<{ readonly token: string; readonly id: string }>;
  /** Stops it, and starts another one on the same directory. */
  restart(): Promise<TestNode>;
  stop(): Promise<void>;
}

export interface CallOptions {
  readonly token?: string;
  /** The owner, with the rights of this agent. */
  readonly as?: string;
  readonly bytes?: Uint8Array | string;
  readonly signal?: AbortSignal;
}

const demoPermissions = {
  "demo.look": { summary: "Look" },
  "demo.run": {
    summary: "Run commands",
    scope: v.strictObject({ commands: v.array(v.string()) }),
    covers: (scope: unknown, request: unknown) => {
      const { commands } = scope as { readonly commands: readonly string[] };
      const { command } = request as { readonly command: string };
      return commands.some(
        (one) => one === command || (one.endsWith("*") && command.startsWith(one.slice(0, -1))),
      );
    },
    warning: "whoever runs commands is the owner",
  },
};

function demoModule(ran: unknown[]) {
  const op = operationsOf<Secrets>("demo");
  const look = op({
    name: "look",
    summary: "Look",
    effect: "read",
    needs: ["demo.look"],
    input: v.strictObject({}),
    output: v.string(),
    run: () => "seen",
  });
  const run = op({
    name: "run",
    summary: "Run a command",
    effect: "destroy",
    needs: ["demo.run"],
    input: v.strictObject({ command: v.string() }),
    output: v.string(),
    scope: ({ command }) => [{ permission: "demo.run", request: { command } }],
    preview: ({ command }) => ({ willRun: command }),
    run: (_state, input) => {
      ran.push(input);
      return `ran ${input.command}`;
    },
  });
  const reveal = op({
    name: "reveal",
    summary: "Use a secret",
    effect: "read",
    needs: [],
    input: v.strictObject({ name: v.string() }),
    output: v.number(),
    run: async (secrets, { name }, { authority }) => (await secrets.reveal(name, authority)).length,
  });
  return defineModule({
    id: "demo",
    summary: "Asks for rights",
    config: v.strictObject({}),
    permissions: demoPermissions,
    requires: { secrets: Secrets },
    provides: {},
    operations: [look, run, reveal],
    start: ({ use }) => ({ state: use.secrets, services: {} }),
  });
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "operone-access-"));
}

export async function startNode(
  config: Readonly<Record<string, unknown>> = {},
  directory = temporaryDirectory(),
  clock = simulatedClock(),
): Promise<TestNode> {
  const log = simulatedLog();
  const ran: unknown[] = [];
  const kernel = await boot({
    modules: [access, demoModule(ran)],
    config: { access: config },
    provided: [
      [Checks, checkList()],
      [Clock, clock],
      [Random, random],
      [Log, log],
      [Files, diskFiles()],
      [Host, simulatedHost({ dataDirectory: directory })],
    ],
    clock,
    random,
    log,
  });
  const credentials = kernel.service(Credentials);
  const call = callerOf(kernel, credentials, kernel.service(Agents));
  const stop = async () => {
    const stopped = kernel.stop();
    // Running calls are given some seconds to end, and here time moves only when told.
    if (kernel.view.callsInFlight() > 0) await clock.advance(kernelLimits.drainMs);
    await stopped;
  };
  // Fails where a test wants the module to fail; the test sees that by itself.
  await call("access.whoami").catch(() => {});
  return {
    directory,
    kernel,
    clock,
    log,
    credentials,
    ran,
    call,
    refused: (operation, input, options) => refusalOf(operation, call(operation, input, options)),
    token: async (input) => (await call("access.token-create", input)) as { token: string; id: string },
    async restart() {
      await stop();
      return startNode(config, directory, clock);
    },
    stop,
  };
}

function callerOf(kernel: Kernel, credentials: Credentials, agents: Agents): TestNode["call"] {
  const identityOf = async (token: string | undefined, as: string | undefined): Promise<Identity> => {
    if (as !== undefined) return agents.agentCaller(as);
    const identity = token === undefined ? credentials.owner() : await credentials.authenticate(token);
    if (identity === undefined) throw new OperoneError("unauthenticated", "The test's token is not live");
    return identity;
  };
  return async (operation, input = {}, { token, as, bytes, signal } = {}) => {
    const { caller, sets, revoked } = await identityOf(token, as);
    const answer = await kernel.view.call({
      surface: "http",
      operation,
      input,
      caller,
      sets,
      signal: AbortSignal.any(signal === undefined ? [revoked] : [revoked, signal]),
      ...(bytes === undefined ? {} : { bytes: chunksOf(bytes) }),
    });
    if (answer.gives === "value") return answer.value;
    if (answer.gives === "items") return Array.fromAsync(answer.items);
    const chunks = await Array.fromAsync(answer.bytes.open());
    return new TextDecoder().decode(Buffer.concat(chunks));
  };
}

async function refusalOf(operation: string, call: Promise<unknown>): Promise<OperoneError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof OperoneError) return error;
    throw error;
  }
  throw new Error(`"${operation}" was not refused`);
}

export async function removeNode(node: TestNode): Promise<void> {
  await node.stop();
  rmSync(node.directory, { recursive: true, force: true });
}

export function codes(...errors: readonly OperoneError[]): ErrorCode[] {
  return errors.map(({ code }) => code);
}

async function* chunksOf(bytes: Uint8Array | string): AsyncGenerator<Uint8Array> {
  yield typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
}
