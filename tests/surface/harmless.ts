/** Keeps made-up paths of files in a folder of the test. */
import * as v from "valibot";
import { FilePath } from "../../modules/fs/file-path.ts";
import { inputEntries, type Operation } from "../../src/kernel/operation.ts";

const keys = ["path", "from", "to"];

/** For `Subject.harmless`: what is a path stays one, below the folder; what is none stays none. */
export function keptIn(folder: string): (input: unknown, operation: Operation) => unknown {
  const kept = (value: unknown) =>
    v.is(FilePath, value) ? `${folder}/${value.replace(/^[~/]+/, "")}` : value;
  return (input, { module, input: schema }) => {
    if (module !== "fs" || typeof input !== "object" || input === null || Array.isArray(input)) return input;
    const paths = Object.entries(input).filter(([key]) => keys.includes(key));
    // Where none is named it is the home, which is real.
    const usual = inputEntries(schema)?.path?.type === "optional" ? { path: folder } : {};
    return { ...usual, ...input, ...Object.fromEntries(paths.map(([key, value]) => [key, kept(value)])) };
  };
}
