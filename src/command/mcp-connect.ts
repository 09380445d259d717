/** `operone mcp connect CLIENT`: makes an agent, shows the change to the client's settings, and writes it. */
import { isDeepStrictEqual } from "node:util";
import { OperoneError } from "../kernel/error.ts";
import { assertWithin, readSettings, type SettingsFile, writeSettings } from "../platform/settings-file.ts";
import type { CommandInput } from "./command.ts";
import { type AgentShown, agentNamed, makeAgent, removeAgent, renewToken, rightsText } from "./mcp-agent.ts";
import { clientNamed, fileOf, type McpClient } from "./mcp-clients.ts";
import { difference } from "./mcp-difference.ts";
import { disconnect } from "./mcp-disconnect.ts";
import { assertYes, type Outside, realOutside } from "./mcp-outside.ts";
import { printed } from "./mcp-print.ts";
import { digestOf, entryDigest, type Record, Records } from "./mcp-records.ts";
import { entryIn, withEntry } from "./mcp-settings.ts";
import { agentAddText, endpointOf, keptRightsText, placeholder, type Wish, wishOf } from "./mcp-wish.ts";

/** Only for the file's owner, because a token is in it. */
const secretMode = 0o600;

export async function connect(input: CommandInput, outside = realOutside(input.directory)): Promise<number> {
  if (input.flag("undo")) return await disconnect(input, outside);
  const client = clientNamed(input.positional[0] ?? "");
  const wish = wishOf(input, client, outside);
  const path = fileOf(client, input.flag("project"), outside.place);
  if (path === undefined || input.flag("print")) return await printEntry(input, outside, client, wish);
  return await connectFile(input, outside, client, wish, path);
}

/** For a program that we have no file of, or a person who writes it by hand. */
async function printEntry(
  input: CommandInput,
  { node }: Outside,
  client: McpClient,
  wish: Wish,
): Promise<number> {
  const { terminal } = input;
  const show = async (token: string) =>
    terminal.out(printed(client, client.entry(await endpointOf(wish, node, token))));
  const { name } = wish.agent;
  if (input.flag("print")) {
    await show(placeholder);
    const token = wish.http ? `, and with its token in the place of ${placeholder}` : "";
    terminal.err(
      `Nothing was written. The entry works for an agent "${name}"${token}: ${agentAddText(wish)}\n`,
    );
    return 0;
  }
  const known = await agentNamed(node, name);
  if (known === undefined) {
    terminal.err(`${newAgentText(wish).join("\n")}\n`);
    await assertYes(input, "Make the agent and print its entry? [y/N] ", `mcp connect ${client.name}`);
  } else {
    terminal.err(`${keptRightsText(wish).join("\n")}\n`);
  }
  await show((await tokenFor(node, wish, known)) ?? "");
  terminal.err(`${client.next}\n`);
  return 0;
}

interface Plan {
  readonly file: SettingsFile;
  readonly record: Record | undefined;
  readonly known: AgentShown | undefined;
  /** The entry with this token. */
  entry(token: string): Readonly<{ [key: string]: unknown }>;
  readonly current: unknown;
}

async function connectFile(
  input: CommandInput,
  outside: Outside,
  client: McpClient,
  wish: Wish,
  path: string,
): Promise<number> {
  const records = new Records(input.directory);
  const plan = await planOf(outside, client, wish, path, records);
  const { file, known } = plan;
  if (known !== undefined && isDone(plan, wish)) {
    if (!input.json) input.terminal.err(`${keptRightsText(wish).join("\n")}\n`);
    return report(input, client, wish, file, "");
  }
  const wanted = withEntry(client, file.text ?? "", path, plan.entry(placeholder));
  const shown = difference(file.real, file.text, wanted, [plan.entry(placeholder), plan.current]);
  if (!input.json) input.terminal.err(planText(wish, plan, shown));
  const command = `mcp connect ${client.name}`;
  await assertYes(input, `Write this to ${file.real}? [y/N] `, command);
  if (readSettings(path).text !== file.text) {
    throw new OperoneError("conflict", `${file.real} was changed meanwhile; repeat "operone ${command}"`);
  }
  await carryOut(outside, client, wish, plan, records);
  return report(input, client, wish, file, shown);
}

async function planOf(
  { node, place }: Outside,
  client: McpClient,
  wish: Wish,
  path: string,
  records: Records,
): Promise<Plan> {
  const file = readSettings(path);
  if (wish.project) assertWithin(place.folder, file);
  // A broken file is told before anything is asked of the node.
  const current = entryIn(client, file.text ?? "", path);
  const known = await agentNamed(node, wish.agent.name);
  const record = await records.find(client.name, file.real);
  const endpoint = await endpointOf(wish, node, placeholder);
  const entry = (token: string) => client.entry(endpoint.kind === "http" ? { ...endpoint, token } : endpoint);
  return { file, record, known, entry, current };
}

/** The very entry is there. One with a token is known by its digest: it is ours, unchanged, and for this address. */
function isDone({ current, entry, record, known, file }: Plan, { http }: Wish): boolean {
  if (!http) return isDeepStrictEqual(current, entry(placeholder));
  if (record?.kind !== "http" || known?.bearer !== true || record.agent !== known.name) return false;
  if (((file.mode ?? 0) & 0o077) !== 0 && process.platform !== "win32") return false;
  const text = JSON.stringify(current) ?? "";
  return (
    entryDigest(current) === record.entryDigest &&
    text.replace(/Bearer opt_[A-Za-z0-9_-]+/, `Bearer ${placeholder}`) === JSON.stringify(entry(placeholder))
  );
}

/** What a change that fails halfway leaves is taken back: an agent that nobody uses would stay unnoticed. */
async function carryOut(
  { node }: Outside,
  client: McpClient,
  wish: Wish,
  plan: Plan,
  records: Records,
): Promise<void> {
  const { file, known, record } = plan;
  const token = await tokenFor(node, wish, known);
  try {
    const entry = plan.entry(token ?? "");
    const text = withEntry(client, file.text ?? "", file.path, entry);
    const isOurs = known === undefined || (await records.of(known.name)).some(({ agentMade }) => agentMade);
    const next = { ...recordOf(client, wish, plan, text, entry), agentMade: isOurs };
    await records.keep(next);
    try {
      const made = writeSettings(file, text, wish.http ? secretMode : undefined);
      if (made !== undefined) await records.keep({ ...next, madeFolder: made });
    } catch (error) {
      await (record === undefined ? records.drop(next) : records.keep(record));
      throw error;
    }
  } catch (error) {
    if (known === undefined) await removeAgent(node, wish.agent.name);
    throw error;
  }
}

async function tokenFor(node: Outside["node"], { agent, http }: Wish, known: AgentShown | undefined) {
  if (known === undefined) return await makeAgent(node, agent, http);
  return http ? await renewToken(node, agent.name) : undefined;
}

function recordOf(
  client: McpClient,
  { agent, http }: Wish,
  { file, record, current }: Plan,
  text: string,
  entry: unknown,
): Omit<Record, "agentMade"> {
  const written = {
    version: 1 as const,
    client: client.name,
    real: file.real,
    agent: agent.name,
    kind: http ? ("http" as const) : ("stdio" as const),
    textDigest: digestOf(text),
    entryDigest: entryDigest(entry),
  };
  const original = originalOf(client, file, record, current);
  return { ...written, ...original };
}

type Original = Pick<Record, "before" | "mode" | "madeFolder" | "entryBefore">;

/** The settings before the first time that we were in them. */
function originalOf(
  client: McpClient,
  file: SettingsFile,
  record: Record | undefined,
  current: unknown,
): Original {
  const text = file.text;
  const mode = file.mode ?? null;
  if (record !== undefined && text !== undefined) {
    const { before, madeFolder, entryBefore } = record;
    if (digestOf(text) === record.textDigest) return { before, mode: record.mode, madeFolder, entryBefore };
    if (entryDigest(current) === record.entryDigest) {
      const without = withEntry(client, text, file.path, entryBefore ?? undefined);
      return { before: without, mode: record.mode ?? mode, madeFolder: null, entryBefore };
    }
  }
  const entryBefore = isEntry(current) ? current : null;
  return { before: text ?? null, mode, madeFolder: null, entryBefore };
}

function isEntry(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function newAgentText({ agent, http }: Wish): readonly string[] {
  const secret = http ? ["  it comes in over HTTP with a token that lives 90 days"] : [];
  return [`A new agent "${agent.name}". ${rightsText(agent).join("\n")}`, ...secret];
}

function planText(wish: Wish, { known }: Plan, shown: string): string {
  const { name } = wish.agent;
  const who = known === undefined ? newAgentText(wish) : keptRightsText(wish);
  const warning = wish.http
    ? [
        "The file will hold a token: whoever reads it can act as this agent. It will be readable by you alone.",
      ]
    : [];
  const renewed =
    wish.http && known?.bearer === true ? [`The token that "${name}" has now will stop working.`] : [];
  return `${[...who, ...renewed, ...warning, "", shown].join("\n")}\n`;
}

/** @param shown empty: everything was as it should be */
function report(
  { json, terminal }: CommandInput,
  client: McpClient,
  { agent }: Wish,
  file: SettingsFile,
  shown: string,
): number {
  const changed = shown !== "";
  if (json) {
    const facts = { client: client.name, file: file.real, agent: agent.name, changed, difference: shown };
    terminal.out(`${JSON.stringify(facts)}\n`);
    return 0;
  }
  const what = changed ? "Connected" : "It was connected already:";
  terminal.out(`${what} ${client.title} as the agent "${agent.name}" (${file.real}). ${client.next}\n`);
  if (changed) terminal.out(`Undo it with "operone mcp disconnect ${client.name}".\n`);
  return 0;
}
