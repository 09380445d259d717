/** Turns a folder into a link to elsewhere and back, as fast as it can. Its words: the folder, a name aside, the target. */
import { renameSync, symlinkSync, unlinkSync } from "node:fs";

const [folder = "", aside = "", target = ""] = process.argv.slice(2);
console.log("ready");
for (;;) {
  renameSync(folder, aside);
  symlinkSync(target, folder);
  unlinkSync(folder);
  renameSync(aside, folder);
}
