/** Agents: tokens of programs that decide by themselves, with or without a secret of their own. */
import { homedir } from "node:os";
import * as v from "valibot";
import { spanOrNever } from "../../src/kernel/duration.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { bothSpellings, usualRights } from "./agent-rights.ts";
import { draftsFromTexts } from "./grants.ts";
import { limits } from "./limits.ts";
import { renderAgents, renderCreatedAgent, renderToken } from "./render.ts";
import {
  CreatedAgent,
  grantTexts,
  NodeNames,
  TokenName,
  TokenOut,
  TokenRef,
  WorkspacePath,
} from "./shapes.ts";
import type { AccessState } from "./state.ts";

const op = operationsOf<AccessState>("access");
const needs = ["access.admin"];

const agentRef = v.pipe(TokenRef, v.description("Its name, or its id"));
const acceptWarnings = v.optional(
  v.pipe(v.boolean(), v.description("You have read what the permissions warn of")),
  false,
);

const agentAdd = op({
  name: "agent-add",
  summary: "Make an agent: a caller of its own, with its own rights",
  description:
    "Unless --no-defaults is given it sees the state, reads and writes the workspaces but for what is hidden there, runs confined commands in them, and asks a person for every other file and confined command. Of several grants that match, deny wins, then allow, then ask. It comes in through the owner's socket by its name, or with --bearer over HTTP by a token.",
  effect: "write",
  needs,
  input: v.strictObject({
    name: v.pipe(TokenName, v.description("Unique among live tokens and agents")),
    workspace: v.optional(
      v.pipe(
        v.array(WorkspacePath),
        v.maxLength(limits.workspacesMax),
        v.description(
          "Folders in which it may work without asking; on other nodes as its calls will write them",
        ),
      ),
      [],
    ),
    grant: grantTexts("What else it may do: PERMISSION=SCOPE"),
    ask: grantTexts("What else a person must approve each time: PERMISSION=SCOPE"),
    deny: grantTexts("What it may not do, whatever else is granted: PERMISSION=SCOPE"),
    defaults: v.optional(
      v.pipe(v.boolean(), v.description("Give it what an agent usually gets, beside what is written here")),
      true,
    ),
    nodes: NodeNames,
    expiresIn: v.optional(
      v.pipe(
        v.string(),
        v.regex(spanOrNever, "write 12h, 30d or never"),
        v.description("12h, 30d or never; absent: never, and 90d with a token"),
      ),
    ),
    bearer: v.optional(
      v.pipe(v.boolean(), v.description("Make a token for HTTP, too, and show it once")),
      false,
    ),
    acceptWarnings,
  }),
  output: CreatedAgent,
  errors: ["conflict", "limited", "precondition_failed", "too_large"],
  cli: { positional: ["name"], alias: ["agent add"], render: renderCreatedAgent },
  async run(access, { workspace, grant, ask, deny, defaults, expiresIn, ...rest }) {
    const { tokens, permissions } = await access;
    const explicit = draftsFromTexts({ grant, ask, deny });
    // On another node ~ is another home, which nobody named.
    const here = rest.nodes.length === 0 && process.platform !== "win32";
    const folders = here ? bothSpellings(workspace, homedir()) : workspace;
    const usual = defaults ? usualRights(folders, explicit, permissions) : [];
    const { token, ...made } = tokens.create({
      ...rest,
      grants: [...usual, ...explicit],
      expiresIn: expiresIn ?? (rest.bearer ? "90d" : "never"),
      agent: true,
    });
    return rest.bearer ? { ...made, token } : made;
  },
});

const agentList = op({
  name: "agent-list",
  summary: "List the agents, with when they last called",
  effect: "read",
  needs,
  input: v.strictObject({
    all: v.optional(v.pipe(v.boolean(), v.description("Removed and expired ones too")), false),
  }),
  output: v.strictObject({ agents: v.array(TokenOut) }),
  cli: { alias: ["agents", "agent list"], render: renderAgents },
  examples: [{ input: {} }],
  run: async (access, { all }) => ({
    agents: (await access).tokens.list(all).filter(({ kind }) => kind === "agent"),
  }),
});

const agentShow = op({
  name: "agent-show",
  summary: "Show one agent and its grants",
  effect: "read",
  needs,
  input: v.strictObject({ agent: agentRef }),
  output: TokenOut,
  errors: ["not_found"],
  cli: { positional: ["agent"], alias: ["agent show"], render: renderToken },
  run: async (access, { agent }) => (await access).tokens.showAgent(agent),
});

const agentGrant = op({
  name: "agent-grant",
  summary: "Give an agent more rights, or deny it some",
  description:
    "What it runs meanwhile goes on with the rights that it began with. access.grant-revoke takes a grant back.",
  effect: "write",
  needs,
  input: v.strictObject({
    agent: agentRef,
    grant: grantTexts("What it may do: PERMISSION=SCOPE"),
    ask: grantTexts("What a person must approve each time: PERMISSION=SCOPE"),
    deny: grantTexts("What it may not do, whatever else is granted: PERMISSION=SCOPE"),
    nodes: NodeNames,
    acceptWarnings,
  }),
  output: TokenOut,
  errors: ["not_found", "limited", "precondition_failed", "too_large"],
  cli: { positional: ["agent"], alias: ["agent grant"], render: renderToken },
  run: async (access, { agent, nodes, acceptWarnings: accepted, ...texts }) =>
    (await access).tokens.grantAgent(agent, draftsFromTexts(texts), nodes, accepted),
});

const agentToken = op({
  name: "agent-token",
  summary: "Give an agent a token for HTTP, or another one, and show it once",
  description: "The old one is refused at once, and everything that runs for the agent ends.",
  effect: "destroy",
  needs,
  input: v.strictObject({ agent: agentRef }),
  output: CreatedAgent,
  errors: ["not_found"],
  cli: { positional: ["agent"], alias: ["agent token"], render: renderCreatedAgent },
  run: async (access, { agent }) => (await access).tokens.renewAgent(agent),
});

const agentRemove = op({
  name: "agent-remove",
  summary: "End an agent for ever, and everything that runs for it",
  effect: "destroy",
  needs,
  input: v.strictObject({ agent: agentRef }),
  output: TokenOut,
  errors: ["not_found"],
  cli: { positional: ["agent"], alias: ["agent remove"], render: renderToken },
  run: async (access, { agent }) => (await access).tokens.removeAgent(agent),
});

export const agentOperations = [agentAdd, agentList, agentShow, agentGrant, agentToken, agentRemove];
