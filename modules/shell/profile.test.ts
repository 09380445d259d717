import { expect, test } from "bun:test";
import * as v from "valibot";
import { owner, shellNode } from "../../tests/shell/shell-node.ts";
import { assertCommand, assertVariables, networkOf, Profiles } from "./profile.ts";
import { ProfilesConfig } from "./profile-config.ts";

const usual = {
  timeoutMsMax: 1,
  outputBytesMax: 2,
  sandbox: {
    cpuSecondsMax: 3,
    memoryBytesMax: 4,
    processesMax: 5,
    openFilesMax: 6,
    fileBytesMax: 7,
    diskBytesMax: 9,
    scratchBytesMax: 8,
  },
};
const profilesOf = (own: unknown) => new Profiles(v.parse(ProfilesConfig, own), usual);
const only = (config: unknown) => profilesOf({ mine: config }).named("mine");

test("every node has two profiles, and the owner's take from the node what they leave out", () => {
  const all = profilesOf({ mine: { base: "read-only", limits: { memoryBytesMax: 40, timeoutMsMax: 10 } } });
  expect(all.all().map(({ name, base }) => [name, base])).toEqual([
    ["read-only", "read-only"],
    ["workspace", "workspace"],
    ["mine", "read-only"],
  ]);
  expect(all.named("mine")).toMatchObject({
    timeoutMsMax: 10,
    outputBytesMax: 2,
    sandbox: { ...usual.sandbox, memoryBytesMax: 40 },
  });
  expect(() => all.named("other")).toThrow("read-only, workspace, mine");
});

test("a profile gives no more network than it says, and those of every node what a grant allows", () => {
  expect(networkOf(only({}), undefined)).toBe("none");
  expect(networkOf(only({ network: "full" }), undefined)).toBe("full");
  expect(networkOf(only({ network: "full" }), "none")).toBe("none");
  expect(() => networkOf(only({}), "full")).toThrow('gives the network "none", and not "full"');
  const { named } = { named: (name: string) => profilesOf({}).named(name) };
  expect(networkOf(named("workspace"), "full")).toBe("full");
  expect(networkOf(named("workspace"), undefined)).toBe("none");
});

test("a profile with a list of domains and ports gives these, or a part of them, and no more", () => {
  const list = { domains: ["*.a.test"], ports: [5_432] };
  const mine = only({ network: list });
  expect(networkOf(mine, undefined)).toEqual(list);
  expect(networkOf(mine, "none")).toBe("none");
  const part = { domains: ["x.a.test:443"], ports: [] };
  expect(networkOf(mine, part)).toEqual(part);
  for (const more of ["full", { domains: ["a.test"], ports: [] }, { domains: [], ports: [80] }] as const)
    expect(() => networkOf(mine, more)).toThrow("*.a.test, 127.0.0.1:5432");
});

test("a profile with commands takes these alone, and its variables are its own", () => {
  const git = only({ commands: ["git log **"], environment: { PAGER: "cat" } });
  expect(() => assertCommand(git, ["git", "log", "-p"])).not.toThrow();
  expect(() => assertCommand(git, ["git", "push"])).toThrow("does not allow the command");
  expect(() => assertCommand(only({ commands: [] }), ["true"])).toThrow("does not allow");
  expect(() => assertCommand(only({}), ["true"])).not.toThrow();
  expect(() => assertVariables(git, ["LESS"])).not.toThrow();
  expect(() => assertVariables(git, ["LESS", "PAGER"])).toThrow('"PAGER" is fixed');
});

test("what is no profile is refused with the reason", () => {
  for (const [own, why] of [
    [{ mine: { bass: "workspace" } }, "bass"],
    [{ mine: { base: "unconfined" } }, "Invalid"],
    [{ mine: { limits: { memory: 1 } } }, "memory"],
    [{ mine: { limits: { memoryBytesMax: 0 } } }, "Invalid"],
    [{ mine: { read: ["relative"] } }, "absolute path"],
    [{ mine: { write: ["/"] } }, "whole system"],
    [{ mine: { write: ["//"] } }, "absolute path"],
    [{ mine: { hide: ["/a/../b"] } }, "absolute path"],
    [{ mine: { hide: ["/a/"] } }, "absolute path"],
    [{ mine: { commands: ["git log*"] } }, "no pattern"],
    [{ mine: { environment: { LD_PRELOAD: "/x" } } }, "LD_"],
    [{ mine: { inherit: ["OPERONE_TOKEN"] } }, "OPERONE_"],
    [{ mine: { network: "some" } }, 'a network is "none"'],
    [{ mine: { network: { domains: ["10.0.0.1"] } } }, "small letters"],
    [{ mine: { network: { domains: ["*"] } } }, "small letters"],
    [{ mine: { network: { ports: [0] } } }, "Invalid"],
    [{ mine: { network: { hosts: [] } } }, "hosts"],
    [{ unconfined: {} }, "confines nothing"],
    [{ workspace: {} }, "always there"],
    [{ Mine: {} }, "a profile's name"],
  ] as const) {
    const result = v.safeParse(ProfilesConfig, own);
    expect([own, result.issues?.map(({ message }) => message).join("; ")]).toEqual([
      own,
      expect.stringContaining(why),
    ]);
  }
});

test("a path that no profile may have is told when the node starts, and no command runs then", async () => {
  await using node = await shellNode({ profiles: { mine: { write: ["/usr/lib"] } } });
  await expect(node.run({ argv: ["true"] })).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(JSON.stringify(node.log.entries)).toContain("shell.profiles.mine.write");
});

test("the profiles are shown with every value that holds, and no secret", async () => {
  const mine = { network: "full", environment: { API_TOKEN: "hunter2", MODE: "fast" }, inherit: ["EDITOR"] };
  await using node = await shellNode({ profiles: { mine } });
  const answer = await node.kernel.view.call({
    surface: "http",
    operation: "shell.profile-list",
    input: {},
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [owner],
    signal: new AbortController().signal,
  });
  const { profiles } = ("value" in answer ? answer.value : {}) as { profiles: readonly object[] };
  expect(profiles.length).toBe(3);
  expect(profiles.at(-1)).toMatchObject({
    name: "mine",
    networkMax: "full",
    commands: null,
    environment: { API_TOKEN: "(hidden)", MODE: "fast" },
    limits: { processesMax: 1_024, timeoutMsMax: 86_400_000 },
  });
});
