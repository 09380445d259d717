/** From a path to what it means in an archive, links followed as far as the caller's rights and the archive go. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Access } from "../backend.ts";
import { joined, parentOf } from "../file-path.ts";
import type { ArchiveDirectory, ArchiveNode } from "./member-tree.ts";

/** As many as Linux follows. */
const linksMax = 40;

export interface FoundNode {
  /** Without links. */
  readonly path: string;
  readonly node: ArchiveNode;
}

/**
 * @param follow a link at the end, too
 * @throws OperoneError `forbidden` for what is not the caller's, and for a link out of the archive; `conflict` for a circle
 */
export function findNode(
  root: ArchiveDirectory,
  access: Access,
  path: string,
  follow: boolean,
): FoundNode | undefined {
  let wanted = path;
  for (let links = 0; links <= linksMax; links += 1) {
    const step = walk(root, wanted, follow);
    if (!("leadsTo" in step)) {
      // That nothing is there is told only to who would be told what is.
      access.check(step.node === undefined ? wanted : step.path);
      return step.node === undefined ? undefined : { path: step.path, node: step.node };
    }
    // Before anything of it is looked at.
    access.check(step.leadsTo);
    wanted = step.leadsTo;
  }
  throw new OperoneError("conflict", `"${path}" leads through too many links, or in a circle`);
}

type Step = { readonly leadsTo: string } | { readonly path: string; readonly node: ArchiveNode | undefined };

function walk(root: ArchiveDirectory, path: string, follow: boolean): Step {
  const names = path.split("/").filter((name) => name !== "");
  let node: ArchiveNode | undefined = root;
  let at = "/";
  for (const [index, name] of names.entries()) {
    node = node?.kind === "directory" ? node.children.get(name) : undefined;
    if (node === undefined) return { path, node };
    at = joined(at, name);
    const isLast = index === names.length - 1;
    if (node.kind !== "link" || (isLast && !follow)) continue;
    return { leadsTo: names.slice(index + 1).reduce(joined, targetOf(at, node.target)) };
  }
  return { path: at, node };
}

/** @throws OperoneError `forbidden` */
function targetOf(link: string, target: string): string {
  const names = parentOf(link)
    .split("/")
    .filter((name) => name !== "");
  let isOut = target.startsWith("/") || target === "" || target.includes("\0");
  for (const name of target.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) isOut = true;
  }
  if (!isOut) return `/${names.join("/")}`;
  throw new OperoneError(
    "forbidden",
    `The link "${link}" leads out of the archive; what it names is not in it`,
  );
}
