/** `operone mcp disconnect CLIENT`: puts a client's settings back as they were, and ends the agent. */
import { OperoneError } from "../kernel/error.ts";
import { readSettings, removeSettings, type SettingsFile, writeSettings } from "../platform/settings-file.ts";
import type { CommandInput } from "./command.ts";
import { removeAgent } from "./mcp-agent.ts";
import { clientNamed, fileOf, type McpClient } from "./mcp-clients.ts";
import { difference } from "./mcp-difference.ts";
import { assertYes, type Outside, realOutside } from "./mcp-outside.ts";
import { digestOf, entryDigest, type Record, Records } from "./mcp-records.ts";
import { entryIn, entryName, withEntry } from "./mcp-settings.ts";

export async function disconnect(
  input: CommandInput,
  outside: Outside = realOutside(input.directory),
): Promise<number> {
  const client = clientNamed(input.positional[0] ?? "");
  const path = fileOf(client, input.flag("project"), outside.place);
  if (path === undefined) {
    throw new OperoneError(
      "unsupported",
      'What was put somewhere by hand is taken out by hand; "operone agent remove generic" ends the agent',
    );
  }
  const records = new Records(input.directory);
  const file = readSettings(path);
  const record = await records.find(client.name, file.real);
  if (record === undefined) {
    throw new OperoneError(
      "not_found",
      `${client.title} was not connected from ${input.directory} in ${file.real}, so nothing was changed; an entry "${entryName}" there is somebody else's`,
    );
  }
  const target = targetOf(client, file, record);
  const entries = [entryIn(client, file.text ?? "", path), record.entryBefore];
  const shown = difference(file.real, file.text, target ?? "", entries);
  if (!input.json) input.terminal.err(`${shown}\n`);
  const command = `mcp disconnect ${client.name}`;
  await assertYes(input, `Write this to ${file.real}, and end the agent? [y/N] `, command);
  if (readSettings(path).text !== file.text) {
    throw new OperoneError("conflict", `${file.real} was changed meanwhile; repeat "operone ${command}"`);
  }
  putBack(file, target, record);
  await records.drop(record);
  const ended = await endAgent(input, outside, record, records);
  report(input, client, file, record, ended);
  return 0;
}

/** The text to put back; undefined: no file. @throws OperoneError `conflict` when our entry was changed */
function targetOf(client: McpClient, file: SettingsFile, record: Record): string | undefined {
  const { text } = file;
  if (text === undefined) return undefined;
  if (digestOf(text) === record.textDigest) return record.before ?? undefined;
  const current = entryIn(client, text, file.path);
  if (current === undefined) return text;
  if (entryDigest(current) === record.entryDigest) {
    return withEntry(client, text, file.path, record.entryBefore ?? undefined);
  }
  throw new OperoneError(
    "conflict",
    `The entry "${entryName}" in ${file.real} was changed since it was written, so it was left as it is; take it out there, and repeat "operone mcp disconnect ${client.name}"`,
  );
}

function putBack(file: SettingsFile, target: string | undefined, record: Record): void {
  if (file.text === undefined || target === file.text) return;
  if (target === undefined) removeSettings(file.real, record.madeFolder ?? undefined);
  else writeSettings(file, target, record.mode ?? undefined);
}

type Ended = "ended" | "kept" | "unreachable";

/** Without a node the settings are put back all the same; the agent then waits for its owner. */
async function endAgent(
  { flag }: CommandInput,
  { node }: Outside,
  { agent, agentMade }: Record,
  records: Records,
): Promise<Ended> {
  if (!agentMade || flag("keep-agent") || (await records.of(agent)).length > 0) return "kept";
  try {
    await removeAgent(node, agent);
    return "ended";
  } catch (error) {
    if (error instanceof OperoneError && error.code === "unavailable") return "unreachable";
    throw error;
  }
}

function report(
  { json, terminal }: CommandInput,
  client: McpClient,
  { real }: SettingsFile,
  { agent }: Record,
  ended: Ended,
): void {
  if (json) {
    terminal.out(`${JSON.stringify({ client: client.name, file: real, agent, ended: ended === "ended" })}\n`);
    return;
  }
  const what = {
    ended: `and the agent "${agent}" has ended`,
    kept: `and the agent "${agent}" was kept`,
    unreachable: `but no node answers, and the agent "${agent}" is still there: start the node and run "operone agent remove ${agent}"`,
  };
  terminal.out(`Disconnected ${client.title} (${real}), ${what[ended]}.\n`);
}
