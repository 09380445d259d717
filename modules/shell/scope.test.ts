import { expect, test } from "bun:test";
import * as v from "valibot";
import { decide, type Grant } from "../../src/kernel/authority.ts";
import { CommandScope, requestsOf, unconfined, unconfinedPermission } from "./scope.ts";

const permissions = new Map([
  [unconfined, unconfinedPermission],
  ["access.secret.use", { summary: "Use secrets" }],
]);

interface Asks {
  readonly argv: readonly string[];
  readonly workingDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

/** The decision on everything that a command asks for under these grants. */
function decisionOf(grants: readonly Partial<Grant>[], asked: Asks): string {
  const set = {
    holder: "t",
    owner: false,
    grants: grants.map((grant) => ({ permission: unconfined, decision: "allow" as const, ...grant })),
  };
  const context = { permissions, sets: [set], nowMs: () => 0, nodeNames: new Set<string>() };
  const usual = { profile: "unconfined", network: "none" } as const;
  const whole = { workingDirectory: "~", environment: {}, secrets: {}, ...usual, ...asked };
  const decisions = requestsOf(whole).map((request) => decide(context, request));
  return decisions.includes("deny") ? "deny" : decisions.includes("ask") ? "ask" : "allow";
}

test("a grant allows the commands that its patterns cover, and an empty or absent list none", () => {
  const git = [{ scope: { commands: ["git status", "git log **"] } }];
  expect(decisionOf(git, { argv: ["git", "log", "-p"] })).toBe("allow");
  expect(decisionOf(git, { argv: ["git", "push"] })).toBe("deny");
  expect(decisionOf(git, { argv: ["git-evil", "status"] })).toBe("deny");
  expect(decisionOf(git, { argv: ["/tmp/git", "status"] })).toBe("deny");
  expect(decisionOf([{ scope: { commands: [] } }], { argv: ["git"] })).toBe("deny");
  expect(decisionOf([{}], { argv: ["git"] })).toBe("deny");
  expect(decisionOf([], { argv: ["git"] })).toBe("deny");
  expect(decisionOf([{ scope: "*" }], { argv: ["anything"] })).toBe("allow");
});

test("a variable needs its name in the same grant, because PATH or GIT_SSH_COMMAND makes any command another", () => {
  const asked = { argv: ["git", "pull"], environment: { GIT_SSH_COMMAND: "evil" } };
  expect(decisionOf([{ scope: { commands: ["git **"] } }], asked)).toBe("deny");
  expect(decisionOf([{ scope: { commands: ["git **"], environment: ["LANG"] } }], asked)).toBe("deny");
  expect(decisionOf([{ scope: { commands: ["git **"], environment: ["GIT_SSH_COMMAND"] } }], asked)).toBe(
    "allow",
  );
  expect(decisionOf([{ scope: { commands: ["git **"], environment: ["*"] } }], asked)).toBe("allow");
  expect(decisionOf([{ scope: "*" }], asked)).toBe("allow");
});

test("two grants are never merged: one's commands do not lend themselves to the other's variables", () => {
  const grants = [
    { scope: { commands: ["git **"] } },
    { scope: { commands: ["env"], environment: ["PATH"] } },
  ];
  expect(decisionOf(grants, { argv: ["git", "log"], environment: { PATH: "/tmp" } })).toBe("deny");
});

test("the variable of a secret is a variable, and the secret needs its own right", () => {
  const asked = { argv: ["psql"], secrets: { PGPASSWORD: "db" } };
  const command = { scope: { commands: ["psql"], environment: ["PGPASSWORD"] } };
  expect(decisionOf([command], asked)).toBe("deny");
  expect(decisionOf([command, { permission: "access.secret.use", scope: "*" }], asked)).toBe("allow");
  const bare = { scope: { commands: ["psql"] } };
  expect(decisionOf([bare, { permission: "access.secret.use", scope: "*" }], asked)).toBe("deny");
});

test("a deny holds whatever variables are set, and before any allow or ask", () => {
  const grants = [{ scope: "*" }, { decision: "deny" as const, scope: { commands: ["rm **"] } }];
  expect(decisionOf(grants, { argv: ["rm", "-rf", "/"] })).toBe("deny");
  expect(decisionOf(grants, { argv: ["rm", "x"], environment: { A: "1" } })).toBe("deny");
  expect(decisionOf(grants, { argv: ["ls"] })).toBe("allow");
  const asks = [{ decision: "ask" as const, scope: { commands: ["ls **"] } }];
  expect(decisionOf(asks, { argv: ["ls", "-l"] })).toBe("ask");
});

test("a program named by a relative path is judged by its place", () => {
  const grants = [{ scope: { commands: ["/srv/app/build **"] } }];
  expect(decisionOf(grants, { argv: ["./build"], workingDirectory: "/srv/app" })).toBe("allow");
  expect(decisionOf(grants, { argv: ["./build"], workingDirectory: "/srv/app/" })).toBe("allow");
  expect(decisionOf(grants, { argv: ["./build"], workingDirectory: "/tmp" })).toBe("deny");
  expect(decisionOf(grants, { argv: ["build"], workingDirectory: "/srv/app" })).toBe("deny");
  expect(decisionOf(grants, { argv: ["../evil/build"], workingDirectory: "/srv/app" })).toBe("deny");
  expect(decisionOf(grants, { argv: ["x/../build"], workingDirectory: "/srv/app" })).toBe("deny");
});

test("nothing but a path below the named home is covered by ~/, and no folder named ~", () => {
  const grants = [{ scope: { commands: ["~/bin/tool"] } }];
  expect(decisionOf(grants, { argv: ["bin/tool"], workingDirectory: "~" })).toBe("allow");
  expect(decisionOf(grants, { argv: ["./tool"], workingDirectory: "~/bin" })).toBe("allow");
  // As a program's name it is the folder "~" of whatever folder the command starts in.
  expect(decisionOf(grants, { argv: ["~/bin/tool"], workingDirectory: "/tmp" })).toBe("deny");
  expect(decisionOf(grants, { argv: ["~/bin/tool"], workingDirectory: "~" })).toBe("deny");
  expect(decisionOf(grants, { argv: ["./~/bin/tool"], workingDirectory: "/tmp" })).toBe("deny");
  expect(decisionOf([{ scope: { commands: ["C:/tool"] } }], { argv: ["C:/tool"] })).toBe("deny");
});

test("a scope says what is wrong with it", () => {
  for (const scope of [
    { commands: "git" },
    { commands: ["git log*"] },
    { commands: ["./git"] },
    { commands: ["C:/git"] },
    { commands: ["git"], environment: [""] },
    { commands: ["git"], extra: true },
    {},
  ]) {
    expect(v.safeParse(CommandScope, scope).success).toBe(false);
  }
  expect(v.safeParse(CommandScope, { commands: ["git **"], environment: ["A"] }).success).toBe(true);
});

test("a request of an unknown form is not covered", () => {
  const scope = { commands: ["git **"] };
  for (const request of [undefined, null, {}, { argv: [] }, { argv: "git" }, { argv: ["git"], more: 1 }]) {
    expect(
      decide(
        {
          permissions,
          sets: [
            { holder: "t", owner: false, grants: [{ permission: unconfined, decision: "allow", scope }] },
          ],
          nowMs: () => 0,
          nodeNames: new Set<string>(),
        },
        { permission: unconfined, request },
      ),
    ).toBe("deny");
  }
});
