/**
 * Turns a folder into a link to elsewhere and back, as fast as it can. Its words: the folder, a name aside, the target, and
 * "patient" where others may take the folder away meanwhile.
 */
import { renameSync, symlinkSync, unlinkSync } from "node:fs";

const [folder = "", aside = "", target = "", patience = ""] = process.argv.slice(2);
const steps = [
  () => renameSync(folder, aside),
  () => symlinkSync(target, folder),
  () => unlinkSync(folder),
  () => renameSync(aside, folder),
];
console.log("ready");
for (let step = 0; ; step = (step + 1) % steps.length) {
  try {
    steps[step]?.();
  } catch (error) {
    if (patience !== "patient") throw error;
  }
}
