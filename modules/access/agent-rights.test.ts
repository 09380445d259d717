import { expect, test } from "bun:test";
import { bothSpellings, usualRights } from "./agent-rights.ts";
import type { GrantDraft } from "./grants.ts";

const permissions = new Map(
  ["node.observe", "networking.observe", "fs.read", "fs.write", "shell.run"].map(
    (name) => [name, { summary: name }] as const,
  ),
);
const texts = (grants: readonly GrantDraft[]) =>
  grants.map(({ decision, permission, scope }) => `${decision} ${permission}=${JSON.stringify(scope)}`);

test("without a workspace an agent sees the state and asks for everything else", () => {
  expect(texts(usualRights([], [], permissions))).toEqual([
    'allow node.observe="*"',
    'allow networking.observe="*"',
    'ask fs.read="*"',
    'ask fs.write="*"',
    'ask shell.run="*"',
  ]);
});

test("in its workspaces it works alone, but for hidden files and commands that are not confined", () => {
  const rights = usualRights(["/srv/a"], [], permissions);
  const alone = texts(rights.filter(({ decision }) => decision === "allow"));
  expect(alone).toContain('allow fs.write={"paths":["/srv/a"],"hidden":false}');
  expect(alone).toContain('allow shell.run={"commands":["**"],"workspaces":["/srv/a"]}');
  expect(rights.map(({ permission }) => permission)).not.toContain("shell.unconfined");
  expect(rights.map(({ permission }) => permission)).not.toContain("*");
});

test("a workspace in the home counts however a call writes it, and any other as it is", () => {
  const both = ["/home/me/a", "~/a"];
  expect(bothSpellings(["/home/me/a"], "/home/me")).toEqual(both);
  expect(bothSpellings(["~/a", "/home/me/a"], "/home/me")).toEqual(both);
  expect(bothSpellings(["~"], "/home/me")).toEqual(["/home/me", "~"]);
  expect(bothSpellings(["/home/men", "/srv"], "/home/me")).toEqual(["/home/men", "/srv"]);
});

test("what the owner grants as a whole is not asked for besides", () => {
  const whole: GrantDraft = { permission: "fs.read", scope: "*", decision: "allow" };
  expect(texts(usualRights([], [whole], permissions))).not.toContain('ask fs.read="*"');
  const everything: GrantDraft = { permission: "*", scope: "*", decision: "allow" };
  expect(texts(usualRights([], [everything], permissions)).filter((one) => one.startsWith("ask"))).toEqual(
    [],
  );
  const denied: GrantDraft = { permission: "fs.read", scope: "*", decision: "deny" };
  expect(texts(usualRights([], [denied], permissions))).toContain('ask fs.read="*"');
});

test("a node without one of the modules grants nothing of it", () => {
  expect(usualRights(["/srv/a"], [], new Map())).toEqual([]);
});
