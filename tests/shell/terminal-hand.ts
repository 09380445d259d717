/** Somebody who types into a session's terminal and reads what it shows. */
import { expect } from "bun:test";
import type { SessionItem } from "../../modules/shell/session-shapes.ts";
import type { SessionCaller } from "./session-node.ts";
import { partsIn } from "./session-node.ts";

export interface Hand {
  readonly id: string;
  type(text: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Resolves when the text has been shown, after all that was seen before. */
  see(text: string): Promise<void>;
  number(pattern: RegExp): Promise<number>;
  /** All that was shown. */
  text(): string;
  /** Sizes, Ctrl-C, Ctrl-Z and `fg`, in a shell. */
  jobs(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

type Input = Readonly<Record<string, unknown>>;

export async function shellAtTerminal(
  node: SessionCaller,
  profile: string,
  input: Input = {},
): Promise<Hand> {
  const terminal = {
    terminal: true,
    columns: 91,
    rows: 21,
    profile,
    environment: { PS1: "ready> ", TERM: "dumb" },
  };
  const { id } = await node.start(["bash", "--norc", "--noprofile", "-i"], { ...terminal, ...input });
  const hand = await atTerminal(node, id);
  await hand.see("ready> ");
  return hand;
}

export async function atTerminal(node: SessionCaller, id: string): Promise<Hand> {
  const sent: unknown[] = [];
  let wake = () => {};
  let open = true;
  const messages = (async function* () {
    while (open) {
      const next = sent.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  })();
  const send = async (message: unknown) => {
    sent.push(message);
    wake();
  };
  const items = await node.items("attach", { session: id }, { messages });
  return new Typist(id, send, items, async () => {
    open = false;
    wake();
    await items.return?.();
  });
}

/** Says when it goes on after a stop, reads lines, and ends at "end". */
const reader =
  'trap "echo on" CONT; echo up; while :; do read x && echo got=$x && [ $x = end ] && exit; done';

class Typist implements Hand {
  readonly id: string;
  readonly #send: (message: unknown) => Promise<void>;
  readonly #items: AsyncIterator<SessionItem>;
  readonly #leave: () => Promise<void>;
  #shown = "";
  #seen = 0;

  constructor(
    id: string,
    send: (message: unknown) => Promise<void>,
    items: AsyncIterator<SessionItem>,
    leave: () => Promise<void>,
  ) {
    this.id = id;
    this.#send = send;
    this.#items = items;
    this.#leave = leave;
  }

  type(text: string): Promise<void> {
    return this.#send({ input: text });
  }

  resize(columns: number, rows: number): Promise<void> {
    return this.#send({ resize: { columns, rows } });
  }

  async see(text: string): Promise<void> {
    await this.#until(() => this.#shown.indexOf(text, this.#seen) >= 0, text);
    this.#seen = this.#shown.indexOf(text, this.#seen) + text.length;
  }

  async number(pattern: RegExp): Promise<number> {
    await this.#until(() => pattern.test(this.#shown), String(pattern));
    return Number(pattern.exec(this.#shown)?.[1]);
  }

  text(): string {
    return this.#shown;
  }

  async jobs(): Promise<void> {
    await this.type("stty size\r");
    await this.see("\n21 91\r");
    await this.resize(111, 33);
    await this.type("stty size\r");
    await this.see("\n33 111\r");
    await this.type("sh -c 'echo up; exec sleep 100'\r");
    await this.see("up\r");
    await this.type("\x03");
    await this.see("ready> ");
    await this.type("echo code=$?\r");
    await this.see("code=130\r");
    await this.type(`sh -c '${reader}'\r`);
    await this.see("up\r");
    await this.type("\x1a");
    await this.see("Stopped");
    await this.type("jobs\r");
    await this.see("Stopped");
    await this.type("fg\r");
    // The shell has given the terminal over before it tells the job to go on.
    await this.see("on\r");
    await this.type("end\r");
    await this.see("got=end\r");
    await this.type("echo $((40 + 2))\r");
    await this.see("\n42\r");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      const { done, value } = await this.#items.next();
      if (done === true || "exit" in value)
        expect.unreachable(`${what} never came: ${JSON.stringify(this.#shown)}`);
      if ("stream" in value) this.#shown += Buffer.concat([...partsIn(value)]).toString("latin1");
    }
  }
}
