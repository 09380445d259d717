import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { decide, forbids, type Grant } from "../../src/kernel/authority.ts";
import { confined, confinedPermission, requestsOf, unconfined, unconfinedPermission } from "./scope.ts";
import { previewOf, rightsOf } from "./script-rights.ts";
import { scriptPermission, scripts } from "./script-scope.ts";
import { argvOf, CommandInput } from "./shapes.ts";

const permissions = new Map([
  [confined, confinedPermission],
  [unconfined, unconfinedPermission],
  [scripts, scriptPermission],
]);

type Input = v.InferInput<typeof CommandInput>;
type Given = Partial<Grant> & { readonly scope: unknown };

function contextOf(...sets: readonly (readonly Given[])[]) {
  return {
    permissions,
    sets: sets.map((grants) => ({
      holder: "t",
      owner: false,
      grants: grants.map((grant) => ({ permission: unconfined, decision: "allow" as const, ...grant })),
    })),
    nowMs: () => 0,
    nodeNames: new Set<string>(),
  };
}

async function decisionOf(context: ReturnType<typeof contextOf>, input: Input): Promise<string> {
  const rights = {
    decide: (request: Parameters<typeof decide>[1]) => decide(context, request),
    forbids: (request: Parameters<typeof decide>[1]) => forbids(context, request),
  };
  const requests = await rightsOf(v.parse(CommandInput, { profile: "unconfined", ...input }), rights);
  expect(requests.length).toBeGreaterThan(0);
  const decisions = requests.map((request) => decide(context, request));
  return decisions.includes("deny") ? "deny" : decisions.includes("ask") ? "ask" : "allow";
}

const script = (scope: unknown = {}): Given => ({ permission: scripts, scope });
const commands = (...patterns: string[]): Given => ({ scope: { commands: patterns } });
const denied = (...patterns: string[]): Given => ({ decision: "deny", scope: { commands: patterns } });

test("without the permission for scripts a shell needs a pattern for its whole vector", async () => {
  const git = contextOf([commands("git **")]);
  expect(await decisionOf(git, { script: "git status" })).toBe("deny");
  expect(await decisionOf(git, { argv: ["sh", "-c", "git status"] })).toBe("deny");
  const whole = contextOf([commands("sh -c 'git status'")]);
  expect(await decisionOf(whole, { script: "git status" })).toBe("allow");
  expect(await decisionOf(whole, { script: "git  status" })).toBe("deny");
  expect(await decisionOf(contextOf([script()]), { script: "git status" })).toBe("deny");
});

test("with it every command of the script needs its own grant, whichever grants these are", async () => {
  const context = contextOf([script(), commands("git status", "git log **"), commands("grep *")]);
  for (const [text, decision] of [
    ["git status | grep a", "allow"],
    ["cd x && git log -p || echo none", "allow"],
    ["if git status; then git push; fi", "deny"],
    ["git status; $(rm x)", "deny"],
    ["git log $x", "allow"],
    ['grep "$x"', "allow"],
    ["grep $x", "deny"],
    ['git "$x"', "deny"],
    ["eval git status", "deny"],
    ["git log | sh", "deny"],
    ["echo rm", "deny"],
    ["timeout 5 git status", "allow"],
    ["sh -c 'git status'", "allow"],
    ["sh -c 'rm x'", "deny"],
    ["git status\n\u00a0", "deny"],
  ] as const) {
    expect([text, await decisionOf(context, { script: text })]).toEqual([text, decision]);
    expect([text, await decisionOf(context, { argv: ["sh", "-ec", text] })]).toEqual([text, decision]);
    expect([text, await decisionOf(context, { argv: ["timeout", "5", "bash", "-c", text] })]).toEqual([
      text,
      decision,
    ]);
  }
  expect(await decisionOf(context, { argv: ["/tmp/sh", "-c", "git status"] })).toBe("deny");
  expect(await decisionOf(context, { argv: ["timeout", "5", "git", "status"] })).toBe("deny");
});

test("a deny holds in a script whatever allows the rest, also where an open word may be it", async () => {
  const all = contextOf([{ permission: "*", scope: "*" }, denied("git push **", "timeout 5 **")]);
  for (const text of [
    "git push",
    "ls; git push -f",
    'git "$x"',
    "git $x",
    "x=$(git push); ls",
    "trap 'git push' EXIT; ls",
    "xargs git push",
    "timeout 5 ls",
    "eval ls; git push",
  ]) {
    expect([text, await decisionOf(all, { script: text })]).toEqual([text, "deny"]);
  }
  expect(await decisionOf(all, { argv: ["nice", "git", "push"] })).toBe("deny");
  for (const text of ["git log", 'git log "$x"', "eval ls"])
    expect(await decisionOf(all, { script: text })).toBe("allow");
  const noShell = contextOf([script(), commands("ls"), denied("sh **")]);
  expect(await decisionOf(noShell, { script: "ls" })).toBe("deny");
  expect(await decisionOf(noShell, { script: "ls", shell: "bash" })).toBe("allow");
  expect(await decisionOf(noShell, { script: "sh -c ls", shell: "bash" })).toBe("deny");
  const noScripts = contextOf([
    { permission: "*", scope: "*" },
    { ...script("*"), decision: "deny" },
  ]);
  expect(await decisionOf(noScripts, { script: "ls" })).toBe("allow");
  const narrow = contextOf([commands("ls"), script(), { ...script("*"), decision: "deny" }]);
  expect(await decisionOf(narrow, { script: "ls" })).toBe("deny");
});

test("files of redirections and variables need their own rights", async () => {
  const plain = contextOf([script(), commands("ls **")]);
  const files = contextOf([script({ files: true }), { scope: { commands: ["ls **"], environment: ["A"] } }]);
  for (const [text, without, with_] of [
    ["ls > ~/.profile", "deny", "allow"],
    ["ls 2>/dev/null 1>&2", "allow", "allow"],
    ["read x < f; ls", "deny", "allow"],
    ["A=1 ls", "deny", "allow"],
    ["export A=1; ls", "deny", "allow"],
    ["PATH=/tmp; ls", "deny", "deny"],
    ["env PATH=/tmp ls", "deny", "deny"],
    ["x=1; ls $x", "allow", "allow"],
  ] as const) {
    expect([text, await decisionOf(plain, { script: text })]).toEqual([text, without]);
    expect([text, await decisionOf(files, { script: text })]).toEqual([text, with_]);
  }
  const any = contextOf([script(), { scope: { commands: ["ls **"], environment: ["*"] } }]);
  expect(await decisionOf(any, { script: "PATH=/tmp; ls" })).toBe("allow");
  expect(await decisionOf(any, { script: "LD_PRELOAD=/tmp/x ls" })).toBe("deny");
  expect(await decisionOf(any, { script: "BASH_ENV=/tmp/x ls" })).toBe("allow");
});

test("only the scope * lets a script through that cannot be analysed, and its known commands need their grants", async () => {
  const open = contextOf([script("*"), commands("ls **")]);
  expect(await decisionOf(open, { script: 'ls; eval "$x"' })).toBe("allow");
  expect(await decisionOf(open, { script: 'rm y; eval "$x"' })).toBe("deny");
});

test("the shells of a grant are the ones that may read", async () => {
  const bash = contextOf([script({ shells: ["bash"] }), commands("ls")]);
  expect(await decisionOf(bash, { script: "ls", shell: "bash" })).toBe("allow");
  expect(await decisionOf(bash, { script: "ls" })).toBe("deny");
});

test("every grant set must allow the script, and what any of them asks about is asked", async () => {
  const full: Given[] = [script(), commands("ls", "id")];
  expect(await decisionOf(contextOf(full, full), { script: "ls; id" })).toBe("allow");
  expect(await decisionOf(contextOf(full, [script(), commands("ls")]), { script: "ls; id" })).toBe("deny");
  expect(await decisionOf(contextOf(full, [commands("ls", "id")]), { script: "ls; id" })).toBe("deny");
  const asks: Given[] = [script(), commands("ls"), { ...commands("id"), decision: "ask" }];
  expect(await decisionOf(contextOf(full, asks), { script: "ls; id" })).toBe("ask");
  expect(await decisionOf(contextOf(full, asks), { script: "ls; ls" })).toBe("allow");
});

test("each command is judged with the sandbox and by its place", async () => {
  const grant = { permission: confined, scope: { commands: ["ls", "/srv/app/build"], workspaces: ["/srv"] } };
  const context = contextOf([script(), grant]);
  const input = { profile: "workspace", workspace: "/srv/app", script: "ls; ./build" } as const;
  expect(await decisionOf(context, input)).toBe("allow");
  expect(await decisionOf(context, { ...input, workspace: "/home/app" })).toBe("deny");
  expect(await decisionOf(context, { ...input, network: "full" })).toBe("deny");
  expect(await decisionOf(context, { ...input, script: "cd x; ./build" })).toBe("deny");
  expect(await decisionOf(context, { ...input, profile: "unconfined" })).toBe("deny");
  // With nothing but parts of the shell there must still be something to judge the sandbox by.
  expect(await decisionOf(context, { ...input, script: "echo hi" })).toBe("deny");
  expect(await decisionOf(context, { ...input, script: "x=1" })).toBe("deny");
  const echo = contextOf([script(), { permission: confined, scope: { commands: ["echo hi"] } }]);
  expect(await decisionOf(echo, { profile: "workspace", script: "echo hi" })).toBe("allow");
  expect(await decisionOf(echo, { profile: "workspace", script: "echo hi", network: "full" })).toBe("deny");
});

const words = fc.array(
  fc.constantFrom("sh", "bash", "-c", "env", "timeout", "5", "git", "ls", "ls; git", "A=1", "**"),
  {
    minLength: 1,
    maxLength: 5,
  },
);
const patterns = fc.array(fc.constantFrom("git **", "sh **", "env **", "ls", "timeout 5 **", "**"), {
  maxLength: 3,
});

test("for callers without the permission for scripts no command is allowed that was not before", async () => {
  await fc.assert(
    fc.asyncProperty(words, patterns, patterns, async (argv, allow, deny) => {
      const context = contextOf([commands(...allow), denied(...deny)]);
      const input = v.parse(CommandInput, { argv, profile: "unconfined" });
      const before = requestsOf({ ...input, argv: argvOf(input) }).map((request) => decide(context, request));
      if (before.includes("deny")) expect(await decisionOf(context, { argv })).toBe("deny");
    }),
  );
});

test("a person sees the script, and what it was found to start", async () => {
  const input = v.parse(CommandInput, { script: 'cd x; A=1 rm "a b" $y > log; eval z' });
  expect(await previewOf(input)).toEqual({
    ...input,
    reading: {
      commands: ["rm 'a b' $y"],
      builtins: ["cd x", "eval z"],
      files: ["> log"],
      variables: ["A"],
      unknown: ['"eval" runs or changes what cannot be read here'],
    },
  });
  const plain = v.parse(CommandInput, { argv: ["nice", "ls"] });
  expect(await previewOf(plain)).toEqual(plain);
});

test("a command is given in one way", () => {
  for (const input of [
    {},
    { argv: ["ls"], script: "ls" },
    { argv: ["ls"], shell: "sh" },
    { script: "" },
    { script: "a\0" },
  ]) {
    expect(v.safeParse(CommandInput, input).success).toBe(false);
  }
});
