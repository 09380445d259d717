/** Extended attributes of files, which no interface of the runtime reads. Linux alone. */
import { dlopen, ptr } from "bun:ffi";
import { linuxLibraryName } from "./c-library.ts";

let known: { readonly size: (path: Uint8Array, name: Uint8Array) => number } | undefined;

/**
 * Whether what lies at the path has the attribute, with any value. Of a link it is the target that is asked.
 *
 * @throws where the C library cannot be called
 */
export function hasAttribute(path: string, name: string): boolean {
  known ??= library();
  // Size 0 asks how long the value is.
  return known.size(Buffer.from(`${path}\0`), Buffer.from(`${name}\0`)) >= 0;
}

function library() {
  const { symbols } = dlopen(linuxLibraryName(), {
    getxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  });
  return {
    size: (path: Uint8Array, name: Uint8Array) => Number(symbols.getxattr(ptr(path), ptr(name), null, 0)),
  };
}
