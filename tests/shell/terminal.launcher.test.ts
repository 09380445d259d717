/** The same in the sandbox, whose processes have numbers of their own. */
import { expect, test } from "bun:test";
import { sessionNode } from "./session-node.ts";
import { shellAtTerminal } from "./terminal-hand.ts";

test("in the sandbox a terminal has its size, its keys and its jobs", async () => {
  await using node = await sessionNode();
  for (const profile of ["workspace", "read-only"]) {
    await using hand = await shellAtTerminal(node, profile);
    await hand.jobs();
    await hand.type(
      "echo $(( $(ls /proc | grep -c '^[0-9]') < 9 ))-own; exec 3</dev/tty && echo tty-opened\r",
    );
    await hand.see("1-own");
    await hand.see("tty-opened\r");
  }
});

test("a confined command cannot type into its own terminal for whoever reads it later", async () => {
  await using node = await sessionNode();
  await using hand = await shellAtTerminal(node, "workspace");
  const attempt = 'my $key = "x"; print ioctl(STDIN, 0x5412, $key) ? "typed\\n" : "refused: $!\\n"';
  await hand.type(`perl -e '${attempt}'\r`);
  await hand.see("refused: Operation not permitted\r");
});

test("a confined terminal that is removed leaves no process", async () => {
  await using node = await sessionNode();
  await using hand = await shellAtTerminal(node, "workspace", { killGraceMs: 2_000 });
  await hand.type("sleep 61 & sleep 62\r");
  await hand.see("62");
  expect(await node.value("remove", { session: hand.id })).toMatchObject({ exit: { reason: "removed" } });
  expect(await node.value<unknown[]>("list", { running: true })).toEqual([]);
});
