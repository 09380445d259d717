import { expect, test } from "bun:test";
import fc from "fast-check";
import { launcherWords, type SandboxPolicy, sandboxAccount } from "./sandbox-policy.ts";

const policy: SandboxPolicy = {
  profile: "workspace",
  network: "none",
  workspace: "/srv/project",
  workingDirectory: "/srv/project",
  home: "/home/me",
  system: ["/usr"],
  links: [{ text: "usr/bin", path: "/bin" }],
  hidden: ["/srv/project/a/b/data"],
  runAs: undefined,
  limits: {
    cpuSecondsMax: 1,
    memoryBytesMax: 2,
    processesMax: 3,
    openFilesMax: 4,
    fileBytesMax: 5,
    diskBytesMax: 7,
    scratchBytesMax: 6,
  },
};

/** How many words follow each option, as the launcher reads them. */
const sizes: Readonly<Record<string, number>> = {
  "--parent": 1,
  "--network": 1,
  "--run-as": 3,
  "--read-only": 2,
  "--link": 2,
  "--scratch": 2,
  "--workspace": 2,
  "--share": 2,
  "--shield": 1,
  "--shield-folder": 1,
  "--pin": 1,
  "--hide": 1,
  "--limit": 2,
  "--memory": 1,
  "--disk": 1,
  "--folder": 1,
};

function optionsOf(words: readonly string[]): readonly (readonly string[])[] {
  const options: string[][] = [];
  for (let at = 0; words[at] !== "--"; ) {
    const size = sizes[words[at] ?? ""];
    if (size === undefined) throw new Error(`no option: ${words[at]}`);
    options.push(words.slice(at, at + size + 1));
    at += size + 1;
  }
  return options;
}

test("whatever a path holds, it stays one word and no option is read out of it", () => {
  const path = fc.string().map((text) => `/${text}`);
  const odd = fc.oneof(path, fc.constantFrom("/--", "/--run-as", "/a b", "/a:b", "/a\nb"));
  fc.assert(
    fc.property(odd, odd, odd, (workspace, home, hidden) => {
      const words = launcherWords({ ...policy, workspace, home, hidden: [hidden] }, 1);
      const options = optionsOf(words);
      expect(options).toContainEqual(["--workspace", workspace, "rw"]);
      expect(options).toContainEqual(["--scratch", home, "6"]);
      expect(options).toContainEqual(["--hide", hidden]);
      expect(words.at(-1)).toBe("--");
    }),
  );
});

test("a writable workspace keeps what would run code, and a readable one needs no such care", () => {
  const names = (one: SandboxPolicy, option: string) =>
    optionsOf(launcherWords(one, 1)).flatMap(([name, value]) => (name === option ? [value] : []));
  expect(names(policy, "--shield")).toContain(".git/config");
  expect(names(policy, "--shield-folder")).toEqual([".git/hooks"]);
  expect(names(policy, "--pin")).toEqual([".git", "a", "a/b"]);
  const reading = { ...policy, profile: "read-only" } as const;
  expect(optionsOf(launcherWords(reading, 1))).toContainEqual(["--workspace", "/srv/project", "ro"]);
  expect(names(reading, "--shield")).toEqual([]);
  expect(names({ ...policy, workspace: undefined }, "--workspace")).toEqual([]);
});

test("shares come in their order, and one that is to stay as it is cannot be moved away in a workspace", () => {
  const shares = [
    { path: "/srv/project/x/y/still", writable: false },
    { path: "/srv/out", writable: true },
  ];
  const options = optionsOf(launcherWords({ ...policy, shares }, 1));
  expect(options.filter(([name]) => name === "--share")).toEqual([
    ["--share", "/srv/project/x/y/still", "ro"],
    ["--share", "/srv/out", "rw"],
  ]);
  expect(options).toContainEqual(["--pin", "x/y"]);
});

test("a root node names another user, and an ordinary one none", () => {
  expect(optionsOf(launcherWords({ ...policy, runAs: sandboxAccount }, 1))).toContainEqual([
    "--run-as",
    "1000",
    "1879048192",
    "1879048192",
  ]);
  expect(optionsOf(launcherWords(policy, 1)).map(([name]) => name)).not.toContain("--run-as");
});
