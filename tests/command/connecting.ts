/** Connecting clients in a folder of the test, to a node that is a list of agents. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseCommand } from "../../src/command/arguments.ts";
import type { CommandInput } from "../../src/command/command.ts";
import { commands } from "../../src/command/commands.ts";
import { connect } from "../../src/command/mcp-connect.ts";
import { disconnect } from "../../src/command/mcp-disconnect.ts";
import type { Outside } from "../../src/command/mcp-outside.ts";
import { OperoneError } from "../../src/kernel/error.ts";

export interface Told {
  readonly out: string;
  readonly err: string;
}

interface FakeAgent {
  readonly input: Readonly<Record<string, unknown>>;
  token: string | undefined;
}

export class Connecting {
  readonly folder = mkdtempSync(join(tmpdir(), "op-mcp-"));
  readonly home = join(this.folder, "home");
  readonly project = join(this.folder, "project");
  readonly data = join(this.folder, "data");
  readonly agents = new Map<string, FakeAgent>();
  /** What the person at the terminal answers; undefined: nobody is there. */
  answer: string | undefined;
  running = true;
  /** Called before the node answers, to have the world change meanwhile. */
  before: (operation: string) => void = () => {};
  #tokens = 0;

  constructor() {
    for (const path of [this.home, this.project, this.data]) mkdirSync(path, { recursive: true });
  }

  async connect(...words: readonly string[]): Promise<Told> {
    return await this.#run("mcp connect", words, (input) => connect(input, this.outside()));
  }

  async disconnect(...words: readonly string[]): Promise<Told> {
    return await this.#run("mcp disconnect", words, (input) => disconnect(input, this.outside()));
  }

  /** The refusal; fails when there was none. */
  async refused(run: Promise<Told>): Promise<OperoneError> {
    try {
      await run;
    } catch (error) {
      if (error instanceof OperoneError) return error;
      throw error;
    }
    throw new Error("It was not refused");
  }

  path(...parts: readonly string[]): string {
    return join(this.home, ...parts);
  }

  write(path: string, text: string, mode = 0o644): string {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }

  read(path: string): string {
    return readFileSync(path, "utf8");
  }

  mode(path: string): number {
    return statSync(path).mode & 0o777;
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  outside(): Outside {
    return {
      place: { platform: "linux", home: this.home, environment: {}, folder: this.project },
      program: ["/opt/operone"],
      isUsualHome: true,
      node: {
        call: async (operation, input) => {
          this.before(operation);
          if (!this.running) throw new OperoneError("unavailable", "No node is running");
          const value = this.#answer(operation, input as Readonly<Record<string, unknown>>);
          return { gives: "value", callId: "c", value };
        },
      },
    };
  }

  #answer(operation: string, input: Readonly<Record<string, unknown>>): unknown {
    const name = String(input.agent ?? input.name);
    const agent = this.agents.get(name);
    if (operation === "http.listeners") {
      return {
        listeners: [
          { kind: "unix", path: "/s" },
          { kind: "tcp", url: "http://127.0.0.1:6737" },
        ],
      };
    }
    if (operation === "access.agent-add") {
      const token = input.bearer === true ? this.#newToken() : undefined;
      this.agents.set(name, { input, token });
      return { name, ...(token === undefined ? {} : { token }) };
    }
    if (agent === undefined) throw new OperoneError("not_found", `There is no agent "${name}"`);
    if (operation === "access.agent-remove") this.agents.delete(name);
    if (operation === "access.agent-token") agent.token = this.#newToken();
    const shown = { name, bearer: agent.token !== undefined };
    return operation === "access.agent-token" ? { ...shown, token: agent.token } : shown;
  }

  #newToken(): string {
    this.#tokens += 1;
    return `opt_abcdefgh2${this.#tokens + 1}_${"x".repeat(43)}`;
  }

  async #run(
    name: string,
    words: readonly string[],
    run: (input: CommandInput) => Promise<number>,
  ): Promise<Told> {
    const command = commands.find((one) => one.words === name);
    if (command === undefined) throw new Error(`There is no command "${name}"`);
    let out = "";
    let err = "";
    const terminal = {
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        err += text;
      },
      ask: async (question: string) => {
        err += question;
        return this.answer;
      },
    };
    await run({ ...parseCommand(command, words), directory: this.data, terminal });
    return { out, err };
  }
}
