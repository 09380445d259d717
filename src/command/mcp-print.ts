/** An entry as it stands in a file, for whoever puts it there by hand. */
import { tomlText } from "../platform/toml.ts";
import type { McpClient } from "./mcp-clients.ts";
import { entryName } from "./mcp-settings.ts";

export function printed(
  { format, servers }: Pick<McpClient, "format" | "servers">,
  entry: Readonly<{ [key: string]: unknown }>,
): string {
  const values = { [servers]: { [entryName]: entry } };
  return format === "toml" ? tomlText(values) : `${JSON.stringify(values, undefined, 2)}\n`;
}
