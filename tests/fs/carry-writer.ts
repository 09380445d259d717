/** Takes a file to another file system, once. Its words: the path, and a directory for it. */
import { join } from "node:path";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";

const [path = "", directory = ""] = process.argv.slice(2);
const everything = { allows: () => true, check: () => {}, unlimited: true };
const backend = new LocalBackend({
  ...{ root: "", refused: [], writable: true, tag: "test" },
  random: (count) => crypto.getRandomValues(new Uint8Array(count)),
});
console.log("ready");
await backend.takeOut(everything, path, join(directory, "item"));
