/**
 * The regular expressions of Rust, ripgrep's own, as WebAssembly: the time that they take grows with the text and not
 * faster, whatever the pattern. JavaScript's own may take for ever, and then not even ending the worker stops them.
 */
import { readFileSync } from "node:fs";
import * as v from "valibot";
import * as wasmFile from "../../../node_modules/rregex/lib/rregex.wasm" with { type: "file" };
import { type InitOutput, initSync, RRegex } from "../../../node_modules/rregex/lib/web.js";

let exports: InitOutput | undefined;

function engine(): InitOutput {
  exports ??= initSync({ module: readFileSync(wasmPath()) });
  return exports;
}

/** The types that come with it are those of what is in it; imported as a file it is its path. */
function wasmPath(): string {
  return String(Reflect.get(wasmFile, "default"));
}

/** What the engine gives for "nowhere". */
const nowhere = 0x100000001;

const Match = v.object({ start: v.number() });

export class Regex {
  readonly #regex: RRegex;
  readonly #pointer: number;
  readonly #engine: InitOutput;

  /** @throws the engine's own error, which says what is wrong with the pattern */
  constructor(pattern: string) {
    this.#engine = engine();
    this.#regex = new RRegex(pattern);
    this.#pointer = Number(Reflect.get(this.#regex, "__wbg_ptr"));
  }

  /** Where some match is known to end; -1 for none. @param text valid UTF-8 */
  end(text: Uint8Array): number {
    const end = this.#engine.rregex_shortestMatch(this.#pointer, this.#given(text), text.length);
    return end === nowhere ? -1 : end;
  }

  /** Where the first match begins, in bytes; -1 for none. @param line valid UTF-8 */
  start(line: Uint8Array): number {
    return this.#find(line)?.start ?? -1;
  }

  /** As the library's `findAt`, with bytes where that makes a text into bytes each time. */
  #find(line: Uint8Array): v.InferOutput<typeof Match> | undefined {
    const wasm = this.#engine;
    const [place, problem, failed] = wasm.rregex_findAt(this.#pointer, this.#given(line), line.length, 0);
    const at = failed === 0 ? place : problem;
    const answer: unknown = wasm.__wbindgen_export_2.get(at);
    wasm.__externref_table_dealloc(at);
    if (failed !== 0) throw new Error(String(answer));
    return answer === undefined || answer === null ? undefined : v.parse(Match, answer);
  }

  /** Where the bytes are for the engine, which frees them itself. */
  #given(bytes: Uint8Array): number {
    const address = this.#engine.__wbindgen_malloc(bytes.length, 1) >>> 0;
    new Uint8Array(this.#engine.memory.buffer).set(bytes, address);
    return address;
  }
}
