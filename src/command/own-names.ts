/** What Operone itself puts into a data directory. Everything else there belongs to its owner, config.toml too. */
import { modules } from "../modules.ts";
import { isUnfinished } from "../platform/removal.ts";

const names: ReadonlySet<string> = new Set([
  "connections",
  "lock",
  "log",
  "name",
  "node.key",
  "operone.sock",
  "output.log",
  "output.log.1",
  "owner.token",
  "running.json",
  "running.json.new",
  ...modules.map((module) => module.id),
]);

export function isOwnName(name: string): boolean {
  return names.has(name) || isUnfinished(name);
}
