/** Names that a system takes for something else than a file. */
import { OperoneError } from "../../../src/kernel/error.ts";

/** Devices of Windows, with any ending: they are everywhere. */
const device =
  /^(con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])\s*(\.|$)/i;

/** Why Windows would not make a file of just this name; undefined where it would. */
export function windowsProblem(name: string): string | undefined {
  if (device.test(name)) return "it is a device of Windows";
  if (/[<>:"/\\|?*]/.test(name))
    return 'it has one of < > : " / \\ | ? *, and ":" would be another stream of a file';
  if ([...name].some((sign) => sign < " ")) return "it has a control character";
  if (/[ .]$/.test(name)) return "it ends with a space or a dot, which Windows leaves out";
  return undefined;
}

/** @throws OperoneError `invalid_input` */
export function assertNameHere(name: string, system: string = process.platform): void {
  const why = system === "win32" ? windowsProblem(name) : undefined;
  if (why === undefined) return;
  throw new OperoneError("invalid_input", `${JSON.stringify(name)} is no name for a file here: ${why}`);
}
