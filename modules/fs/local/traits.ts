/** How a file system compares names. */
import { lstat, readdir } from "node:fs/promises";
import type { Traits } from "../backend.ts";
import { type HeldPlace, orMissing } from "./place.ts";

/** Looked at until one has letters of a kind. */
const namesMax = 64;

/** Found out from the names that are there, so that nothing has to be written; else what is usual on the system. */
export async function traitsOf(folder: HeldPlace): Promise<Omit<Traits, "writable">> {
  const names = (await readdir(folder.path)).slice(0, namesMax);
  const isUsual = process.platform === "darwin" || process.platform === "win32";
  const cased = await sameByAnother(folder, names, otherCase);
  const composed = await sameByAnother(folder, names, otherForm);
  return {
    caseSensitive: cased === undefined ? !isUsual : !cased,
    normalizesUnicode: composed ?? process.platform === "darwin",
    hasModes: process.platform !== "win32",
  };
}

function otherCase(name: string): string {
  return name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
}

function otherForm(name: string): string {
  return name === name.normalize("NFC") ? name.normalize("NFD") : name.normalize("NFC");
}

/** Whether another spelling of some name leads to the same thing. Undefined: no name has another spelling. */
async function sameByAnother(
  folder: HeldPlace,
  names: readonly string[],
  other: (name: string) => string,
): Promise<boolean | undefined> {
  const name = names.find((one) => other(one) !== one && !names.includes(other(one)));
  if (name === undefined) return undefined;
  const facts = await orMissing(() => lstat(folder.child(name), { bigint: true }));
  if (facts === undefined) return undefined;
  const twin = await orMissing(() => lstat(folder.child(other(name)), { bigint: true }));
  return twin?.ino === facts.ino;
}
