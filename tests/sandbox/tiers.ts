/** The tiers below the best one, with the same attempts; what they do not hold is in weaknesses.ts. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { confinedProfiles, proveConfined } from "./escape.ts";
import { type Account, ownPaths, roomyLimits, type Stage, stageFor } from "./stage.ts";
import { weaknesses } from "./weaknesses.ts";

const weaker = ["bubblewrap", "lock"] as const;

export function tiersHold(account: Account): void {
  for (const tier of weaker) {
    describe(`the tier ${tier} as ${account}`, async () => {
      const stage = await stageFor(account, undefined, tier);
      afterAll(() => stage[Symbol.asyncDispose]());
      for (const profile of confinedProfiles) {
        test(`nothing but its known weaknesses gets out of the profile ${profile}`, async () => {
          await proveConfined(stage, profile, tier);
        }, 60_000);
      }
    });
  }
}

export function tiersAreTold(account: Account): void {
  test("commands work in every tier, and nobody is root there", async () => {
    for (const tier of weaker) {
      await using stage = await stageFor(account, roomyLimits, tier);
      const job = { profile: "workspace", workspace: stage.workspace } as const;
      const script =
        "test $(id -u) != 0 && pwd && echo x >made && cat made && touch made && echo out >/dev/stdout";
      const [works, missing, ended] = await stage.run([
        { ...job, argv: ["sh", "-c", script] },
        { ...job, argv: ["no-such-program"] },
        { ...job, argv: ["sh", "-c", "exit 7"] },
      ]);
      expect([tier, works]).toEqual([
        tier,
        { code: 0, signal: null, stdout: `${stage.workspace}\nx\nout\n`, stderr: "" },
      ]);
      expect(missing?.refused).toContain("Could not start");
      expect(ended?.code).toBe(7);
    }
  }, 30_000);

  test("a command gets a terminal with job control behind every wall, and types nothing into it", async () => {
    for (const tier of ["namespaces", "bubblewrap"] as const) {
      await using stage = await stageFor(account, roomyLimits, tier);
      const job = { profile: "workspace", workspace: stage.workspace, terminal: true } as const;
      const jobs =
        "set -m; sleep 0 & fg >/dev/null && echo job; : </dev/tty && tty=yes; echo $tty; stty size; exit 7";
      const [works, typed, killed] = await stage.run([
        { ...job, argv: ["bash", "-c", jobs] },
        { ...job, argv: [stage.fill("{A}"), "TIOCSTI"] },
        { ...job, argv: ["sh", "-c", "kill -INT 0; sleep 60"] },
      ]);
      expect([tier, works]).toEqual([
        tier,
        { code: 7, signal: null, stdout: "job\r\nyes\r\n24 80\r\n", stderr: "" },
      ]);
      expect([tier, typed?.code]).toEqual([tier, 10]);
      expect([tier, killed?.signal === "SIGINT" || killed?.code === 130]).toEqual([tier, true]);
    }
  }, 30_000);

  test("what a tier cannot hold by its nature is refused in it", async () => {
    await using stage = await stageFor(account, roomyLimits, "lock");
    const job = { argv: ["true"], profile: "workspace", workspace: stage.workspace } as const;
    const [hidden] = await stage.run([{ ...job, paths: ownPaths(stage) }]);
    expect(hidden?.refused).toStartWith("unsupported: This node confines commands by Landlock alone");
    if (account === "root") await rootsOwnIsRefused();
  }, 30_000);

  test("every weakness is told to people, in the same words", async () => {
    const text = (await Bun.file(join(import.meta.dir, "../../SECURITY.md")).text()).replaceAll(/\s+/g, " ");
    for (const { why } of weaknesses) expect(text).toContain(why);
  });
}

/** A root node never lends itself: its own folders are no workspace where they cannot be shown as another's. */
async function rootsOwnIsRefused(): Promise<void> {
  for (const tier of weaker) {
    await using stage: Stage = await stageFor("root", roomyLimits, tier);
    const workspace = join(stage.workspace, "roots");
    await Bun.$`mkdir ${workspace}`.quiet();
    const [refused] = await stage.run([{ argv: ["true"], profile: "workspace", workspace }]);
    expect(refused?.refused).toStartWith("unsupported: The file system of");
  }
}
