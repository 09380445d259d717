/** Tokens and their grants. */
import * as v from "valibot";
import { spanOrNever } from "../../src/kernel/duration.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { draftsFromTexts } from "./grants.ts";
import { limits } from "./limits.ts";
import { renderCreated, renderToken, renderTokens } from "./render.ts";
import { roleNames } from "./roles.ts";
import { CreatedToken, GrantIn, grantTexts, NodeNames, TokenName, TokenOut, TokenRef } from "./shapes.ts";
import type { AccessState } from "./state.ts";

const op = operationsOf<AccessState>("access");
const needs = ["access.admin"];

const tokenCreate = op({
  name: "token-create",
  summary: "Create a token and show it once",
  description:
    'A grant is `permission=scope`; the scope is `*` or JSON in the form that the permission asks for: `--grant node.observe=*`, `--ask \'shell.run={"commands":["git *"]}\'`. Of several that match, deny wins, then allow, then ask. A right that is not granted does not exist.',
  effect: "write",
  needs,
  input: v.strictObject({
    name: v.pipe(TokenName, v.description("Unique among live tokens")),
    role: v.optional(v.pipe(v.picklist(roleNames), v.description("A named set of grants"))),
    grant: grantTexts("What it may do: PERMISSION=SCOPE"),
    ask: grantTexts("What a person must approve each time: PERMISSION=SCOPE"),
    deny: grantTexts("What it may not do, whatever else is granted: PERMISSION=SCOPE"),
    grants: v.optional(
      v.pipe(
        v.array(GrantIn),
        v.maxLength(limits.grantsPerTokenMax),
        v.description("Grants in full, as JSON"),
      ),
      [],
    ),
    nodes: NodeNames,
    expiresIn: v.optional(
      v.pipe(v.string(), v.regex(spanOrNever, "write 12h, 30d or never"), v.description("12h, 30d or never")),
      "30d",
    ),
    agent: v.optional(
      v.pipe(v.boolean(), v.description("For a program that decides by itself: all its calls are audited")),
      false,
    ),
    acceptWarnings: v.optional(
      v.pipe(v.boolean(), v.description("You have read what the permissions warn of")),
      false,
    ),
  }),
  output: CreatedToken,
  errors: ["conflict", "limited", "precondition_failed", "too_large"],
  cli: { positional: ["name"], alias: ["token create"], render: renderCreated },
  run: async (access, { grant, ask, deny, grants, ...rest }) => {
    const drafts = [...draftsFromTexts({ grant, ask, deny }), ...grants];
    return (await access).tokens.create({ ...rest, role: rest.role, grants: drafts });
  },
});

const tokenList = op({
  name: "token-list",
  summary: "List the tokens",
  effect: "read",
  needs,
  input: v.strictObject({
    all: v.optional(v.pipe(v.boolean(), v.description("Revoked and expired ones too")), false),
  }),
  output: v.strictObject({ tokens: v.array(TokenOut) }),
  cli: { alias: ["tokens", "token list"], render: renderTokens },
  examples: [{ input: {} }],
  run: async (access, { all }) => ({ tokens: (await access).tokens.list(all) }),
});

const tokenShow = op({
  name: "token-show",
  summary: "Show one token and its grants",
  effect: "read",
  needs,
  input: v.strictObject({ token: v.pipe(TokenRef, v.description("Its id, or its name while it lives")) }),
  output: TokenOut,
  errors: ["not_found"],
  cli: { positional: ["token"], alias: ["token show"], render: renderToken },
  run: async (access, { token }) => (await access).tokens.show(token),
});

const tokenRevoke = op({
  name: "token-revoke",
  summary: "End a token for ever, and every call that runs under it",
  effect: "destroy",
  needs,
  input: v.strictObject({ token: v.pipe(TokenRef, v.description("Its id, or its name while it lives")) }),
  output: TokenOut,
  errors: ["not_found"],
  cli: { positional: ["token"], alias: ["token revoke"], render: renderToken },
  run: async (access, { token }) => (await access).tokens.revoke(token),
});

const grantRevoke = op({
  name: "grant-revoke",
  summary: "Take one grant from a token",
  effect: "destroy",
  needs,
  input: v.strictObject({
    token: v.pipe(TokenRef, v.description("Its id, or its name while it lives")),
    grant: v.pipe(TokenRef, v.description("The grant's id, as token-show gives it")),
  }),
  output: TokenOut,
  errors: ["not_found"],
  cli: { positional: ["token", "grant"], alias: ["grant revoke"], render: renderToken },
  run: async (access, { token, grant }) => (await access).tokens.removeGrant(token, grant),
});

export const tokenOperations = [tokenCreate, tokenList, tokenShow, tokenRevoke, grantRevoke];
