/** Writes a file again and again through the node's own backend, until it is killed. Its word: the path. */
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";

const [path = ""] = process.argv.slice(2);
const everything = { allows: () => true, check: () => {}, unlimited: true };
const backend = new LocalBackend({
  root: "",
  refused: [],
  writable: true,
  tag: "test",
  random: (count) => crypto.getRandomValues(new Uint8Array(count)),
});
for (let round = 0; ; round++) {
  const letter = String.fromCharCode(97 + (round % 26));
  const content = async function* () {
    for (let part = 0; part < 20; part++) yield Buffer.alloc(50_000, letter);
  };
  await backend.write(everything, path, content(), { mode: "any" });
  if (round === 0) console.log("written");
}
