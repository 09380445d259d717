/** The parts of the program that run in contained children, sorted: `<module>/<noun>` is `<noun>.child.ts` there. */
import type { ChildPart } from "./kernel/child-part.ts";

export const children: Readonly<Record<string, () => Promise<{ readonly child: ChildPart }>>> = {
  "fs/parse": () => import("../modules/fs/parse/parse.child.ts"),
  "shell/probe": () => import("../modules/shell/probe.child.ts"),
};
