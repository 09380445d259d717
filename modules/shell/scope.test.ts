import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { decide, type Grant } from "../../src/kernel/authority.ts";
import {
  type Asked,
  CommandScope,
  ConfinedScope,
  confined,
  confinedPermission,
  requestsOf,
  unconfined,
  unconfinedPermission,
} from "./scope.ts";

const permissions = new Map([
  [confined, confinedPermission],
  [unconfined, unconfinedPermission],
  ["access.secret.use", { summary: "Use secrets" }],
]);

type Asks = Partial<Asked> & Pick<Asked, "argv">;

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

describe("confined commands", () => {
  const here = { argv: ["make"], profile: "workspace", workspace: "/srv/app" } as const;
  const granted = (scope: Record<string, unknown>, asked: Partial<Asks> = {}) =>
    decisionOf([{ permission: confined, scope: { commands: ["make **"], ...scope } }], { ...here, ...asked });

  test("a workspace must lie in a folder that the grant names, and without one none is needed", () => {
    expect(granted({ workspaces: ["/srv"] })).toBe("allow");
    expect(granted({ workspaces: ["/srv/app"] })).toBe("allow");
    expect(granted({ workspaces: ["/srv/app/"] })).toBe("allow");
    expect(granted({ workspaces: ["/"] })).toBe("allow");
    expect(granted({ workspaces: ["/srv/ap"] })).toBe("deny");
    expect(granted({ workspaces: ["/srv/app/sub"] })).toBe("deny");
    expect(granted({})).toBe("deny");
    expect(
      decisionOf([{ permission: confined, scope: { commands: ["make"] } }], {
        argv: ["make"],
        profile: "workspace",
      }),
    ).toBe("allow");
    expect(granted({ workspaces: ["~/code"] }, { workspace: "~/code/a" })).toBe("allow");
  });

  test("the working directory is the workspace where none is named", () => {
    const asked = { argv: ["make"], profile: "workspace", workingDirectory: "/etc/app" } as const;
    const scope = { commands: ["make"], workspaces: ["/srv"] };
    expect(decisionOf([{ permission: confined, scope }], asked)).toBe("deny");
    expect(decisionOf([{ permission: confined, scope }], { ...asked, workingDirectory: "/srv/app" })).toBe(
      "allow",
    );
  });

  test("profiles and the network are those that the grant names, and no network where it names none", () => {
    const scope = { workspaces: ["/srv"] };
    expect(granted({ ...scope, profiles: ["read-only"] })).toBe("deny");
    expect(granted({ ...scope, profiles: ["read-only"] }, { profile: "read-only" })).toBe("allow");
    expect(granted(scope, { network: "full" })).toBe("deny");
    expect(granted({ ...scope, network: "full" }, { network: "full" })).toBe("allow");
    expect(granted({ ...scope, network: "full" })).toBe("allow");
    const most = { ...scope, network: { domains: ["*.a.test"], ports: [80] } };
    expect(granted(most, { domains: ["x.a.test"] })).toBe("allow");
    expect(granted(most, { domains: ["x.a.test"], ports: [80] })).toBe("allow");
    expect(granted(most, { domains: ["b.test"] })).toBe("deny");
    expect(granted(most, { domains: ["x.a.test:22"] })).toBe("deny");
    expect(granted(most, { ports: [81] })).toBe("deny");
    expect(granted(most, { network: "full" })).toBe("deny");
    expect(granted(scope, { domains: ["x.a.test"] })).toBe("deny");
    expect(granted(scope, { domains: [] })).toBe("allow");
  });

  test("a profile of the owner's must be named, and brings what the owner gave it", () => {
    const scope = { workspaces: ["/srv"] };
    const mine = { profile: "mine", network: undefined };
    expect(granted(scope, mine)).toBe("deny");
    expect(granted({ ...scope, network: "full" }, mine)).toBe("deny");
    expect(granted({ ...scope, profiles: ["mine"] }, mine)).toBe("allow");
    expect(granted({ ...scope, profiles: ["mine"] }, { profile: "mine", network: "full" })).toBe("deny");
    expect(granted({ ...scope, profiles: ["mine"] })).toBe("deny");
  });

  test("the right to confined commands is none to unconfined ones, nor the other way round", () => {
    const all = [{ permission: confined, scope: "*" as const }];
    expect(decisionOf(all, { argv: ["make"], profile: "unconfined" })).toBe("deny");
    expect(decisionOf(all, here)).toBe("allow");
    expect(decisionOf([{ scope: "*" }], here)).toBe("deny");
  });

  test("a deny of a command holds in every workspace and profile, and with every variable", () => {
    const grants = [
      { permission: confined, scope: "*" as const },
      { permission: confined, decision: "deny" as const, scope: { commands: ["make **"] } },
    ];
    expect(decisionOf(grants, here)).toBe("deny");
    expect(decisionOf(grants, { ...here, network: "full", environment: { A: "1" } })).toBe("deny");
  });

  test("two grants are never merged: one's workspace does not lend itself to the other's network", () => {
    const grants = [
      { permission: confined, scope: { commands: ["make"], workspaces: ["/srv"] } },
      { permission: confined, scope: { commands: ["make"], network: "full" } },
    ];
    expect(decisionOf(grants, { ...here, network: "full" })).toBe("deny");
  });

  test("a program by a relative path is judged in the workspace in which it will run", () => {
    const grants = [{ permission: confined, scope: { commands: ["/srv/app/build"], workspaces: ["/srv"] } }];
    expect(decisionOf(grants, { ...here, argv: ["./build"] })).toBe("allow");
    expect(decisionOf(grants, { ...here, argv: ["./build"], workspace: "/srv/evil" })).toBe("deny");
  });

  test("a scope says what is wrong with its folders, profiles and network", () => {
    for (const more of [
      { workspaces: ["relative"] },
      { workspaces: ["/srv/../etc"] },
      { profiles: ["unconfined"] },
      { network: "some" },
    ]) {
      expect(v.safeParse(ConfinedScope, { commands: ["make"], ...more }).success).toBe(false);
    }
  });
});
