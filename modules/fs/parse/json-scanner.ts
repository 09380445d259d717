/** Finds the values at the top of a JSON text without building them: an engine's parser tells no positions. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { jsonDepthMax } from "./value-depth.ts";

const special = /["[\]{}]/g;

export interface Member {
  /** RFC 6901; empty for the whole. */
  readonly pointer: string;
  readonly start: number;
  readonly end: number;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

export class JsonScanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** @throws OperoneError `unsupported_media` for what is none */
  *members(): Generator<Member, void, undefined> {
    this.#space();
    const open = this.#text[this.#at];
    if (open !== "[" && open !== "{") {
      const start = this.#at;
      yield { pointer: "", start, end: this.#text.trimEnd().length };
      return;
    }
    this.#at += 1;
    yield* this.#inside(open === "[" ? "]" : "}");
    this.#space();
    if (this.#at < this.#text.length) throw this.#broken("something follows its end");
  }

  *#inside(close: string): Generator<Member, void, undefined> {
    for (let index = 0; ; index++) {
      this.#space();
      if (index === 0 && this.#text[this.#at] === close) break;
      const name = close === "}" ? this.#name() : String(index);
      const start = this.#at;
      this.#value();
      yield { pointer: `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, start, end: this.#at };
      this.#space();
      const next = this.#text[this.#at];
      if (next === close) break;
      if (next !== ",") throw this.#broken(`there is no "," or "${close}" after a value`);
      this.#at += 1;
    }
    this.#at += 1;
  }

  #name(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw this.#broken("a name is missing");
    this.#string();
    const name = this.#parsedName(start);
    this.#space();
    if (this.#text[this.#at] !== ":") throw this.#broken('there is no ":" after a name');
    this.#at += 1;
    this.#space();
    return name;
  }

  #parsedName(start: number): string {
    try {
      return String(JSON.parse(this.#text.slice(start, this.#at)));
    } catch {
      throw this.#broken("a name is broken");
    }
  }

  #value(): void {
    const first = this.#text[this.#at];
    if (first === '"') this.#string();
    else if (first === "[" || first === "{") this.#nested();
    else this.#plain();
  }

  #plain(): void {
    const start = this.#at;
    const end = /[\s,\]}]/g;
    end.lastIndex = start;
    this.#at = end.exec(this.#text)?.index ?? this.#text.length;
    if (this.#at === start) throw this.#broken("a value is missing");
  }

  #nested(): void {
    let depth = 0;
    do {
      special.lastIndex = this.#at;
      const found = special.exec(this.#text);
      if (found === null) throw this.#broken("its end is missing");
      this.#at = found.index;
      if (found[0] === '"') this.#string();
      else {
        depth += found[0] === "[" || found[0] === "{" ? 1 : -1;
        this.#at += 1;
      }
      if (depth > jsonDepthMax) throw this.#broken(`it is nested deeper than ${jsonDepthMax} levels`);
    } while (depth > 0);
  }

  #string(): void {
    const from = this.#at;
    for (let at = from + 1; ; at++) {
      at = this.#text.indexOf('"', at);
      if (at < 0) throw this.#broken("the end of a string is missing");
      let slashes = 0;
      while (this.#text.charCodeAt(at - 1 - slashes) === 0x5c && at - 1 - slashes > from) slashes += 1;
      if (slashes % 2 === 1) continue;
      this.#at = at + 1;
      return;
    }
  }

  #space(): void {
    for (let code = this.#text.charCodeAt(this.#at); isSpace(code); ) {
      this.#at += 1;
      code = this.#text.charCodeAt(this.#at);
    }
  }

  #broken(why: string): OperoneError {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    return new OperoneError("unsupported_media", `It is no JSON that can be read: at line ${line} ${why}`);
  }
}
