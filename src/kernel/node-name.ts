/** A node's short name from its machine's host name. */

const nameLengthMax = 63;

/** `Ada's MacBook.local` becomes `ada-s-macbook`; what has no letter or digit at all becomes `node`. */
export function nameFrom(hostName: string): string {
  const [first = ""] = hostName.split(".");
  const short = first
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, nameLengthMax)
    .replace(/-+$/, "");
  return short === "" ? "node" : short;
}
