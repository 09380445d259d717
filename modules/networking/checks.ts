/** What networking adds to the node's diagnosis. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Check, Finding } from "../../src/kernel/ports.ts";
import type { ActiveMesh } from "./active-mesh.ts";
import type { NetworkingState } from "./state.ts";

/** More than this between two clocks makes expiries wrong. */
const clockDifferenceMsMax = 30_000;
/** Nodes that are asked for one check. */
const askedMax = 5;
const askMs = 3_000;

export function networkingChecks(parts: NetworkingState): readonly Check[] {
  const inMesh = (check: (active: ActiveMesh, signal: AbortSignal) => Finding | Promise<Finding>) => {
    return async (signal: AbortSignal): Promise<Finding | undefined> => {
      const { active } = (await parts()).networking;
      return active === undefined ? undefined : await check(active, signal);
    };
  };
  return [
    { name: "mesh", run: async () => membership((await parts()).networking.active) },
    { name: "mesh port", run: inMesh(port) },
    { name: "mesh reach", run: inMesh(reach) },
    { name: "mesh discovery", run: inMesh(discovery) },
    { name: "mesh clocks", run: async (signal) => await clocks(parts, signal) },
    { name: "mesh audits", run: inMesh(audits) },
    { name: "mesh key", run: inMesh(key) },
  ];
}

function membership(active: ActiveMesh | undefined): Finding {
  if (active === undefined) return { verdict: "ok", found: "this node is in no mesh, and listens for none" };
  const { roster } = active.ledger;
  if (roster.isRemoved(active.peerId)) {
    return {
      verdict: "failure",
      found: "an admin removed this node from the mesh",
      fix: '"operone leave", and join again with a new code if that was not meant',
    };
  }
  const others = active.nodes().filter(({ self }) => !self);
  const away = others.filter(({ connected }) => !connected).map(({ name, peerId }) => name ?? peerId);
  if (roster.admins().length === 0) {
    return {
      verdict: "failure",
      found: "no admin is left in the mesh, so nobody can invite or remove",
      fix: '"operone recover" with the recovery phrase, on the machine that should be the admin',
    };
  }
  if (others.length > 0 && away.length === others.length) {
    return {
      verdict: "warning",
      found: `none of the ${others.length} other nodes is connected: ${away.slice(0, 5).join(", ")}`,
      fix: '"operone nodes" says why for each; see that they run, and that their port can be reached',
    };
  }
  return {
    verdict: "ok",
    found: `${others.length - away.length} of ${others.length} other nodes are connected`,
  };
}

function port({ transport }: ActiveMesh): Finding {
  const addresses = transport.addresses();
  if (addresses.length > 0) return { verdict: "ok", found: `listens on ${addresses.join(", ")}` };
  return {
    verdict: "failure",
    found: "nothing listens for other nodes",
    fix: 'set "addresses" and "port" under [networking], and start the node again',
  };
}

/** A firewall shows from outside alone, so another node is asked to try. */
async function reach(active: ActiveMesh, signal: AbortSignal): Promise<Finding> {
  const asked = await ask(active, "networking.probe", signal);
  // One that sees this node come from elsewhere, or tried a moment ago, knows nothing.
  const answers = asked.filter(
    ({ value }) => listOf(value, "reachable").length + listOf(value, "unreachable").length > 0,
  );
  if (answers.length === 0) return { verdict: "ok", found: "no other node is connected that could try" };
  const reachable = answers.filter(({ value }) => listOf(value, "reachable").length > 0);
  if (reachable.length > 0) {
    return {
      verdict: "ok",
      found: `${reachable.map(({ name }) => name).join(", ")} can connect to this node`,
    };
  }
  const tried = listOf(answers[0]?.value, "unreachable").join(", ");
  return {
    verdict: "warning",
    found: `${answers.map(({ name }) => name).join(", ")} cannot connect to this node (tried ${tried}), so links come from this side alone`,
    fix: 'open the TCP port of [networking] in this machine\'s firewall, or name the address that leads here under "announce"',
  };
}

/** Where the system carries no multicast nothing fails, and nothing is found. */
async function discovery(active: ActiveMesh, signal: AbortSignal): Promise<Finding> {
  if (active.discovery === undefined) return { verdict: "ok", found: "switched off by the configuration" };
  const { interfaces, problem } = await (await active.discovery).test(signal);
  if (interfaces.length === 0)
    return { verdict: "ok", found: "no IPv4 network to look for members on; listens for this machine alone" };
  if (problem === undefined)
    return { verdict: "ok", found: `looks for members by multicast DNS on ${interfaces.join(", ")}` };
  return {
    verdict: "warning",
    found: `members cannot be found by multicast DNS on ${interfaces.join(", ")}: ${problem}`,
    fix: 'let UDP port 5353 through the firewall of this machine, or set "discovery = false" under [networking]; members are still reached at the addresses that they told',
  };
}

function listOf(value: unknown, key: string): readonly string[] {
  const list = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}

async function clocks(parts: NetworkingState, signal: AbortSignal): Promise<Finding | undefined> {
  const { networking, clock } = await parts();
  const { active } = networking;
  if (active === undefined) return undefined;
  const startMs = clock.nowMs();
  const answers = await ask(active, "networking.hello", signal);
  // The answer was made somewhere between the question and now; the middle is the best guess.
  const middleMs = (startMs + clock.nowMs()) / 2;
  const off = answers.flatMap(({ name, value }) => {
    const { nowMs } = value as { readonly nowMs?: unknown };
    const differenceMs = typeof nowMs === "number" ? nowMs - middleMs : 0;
    return Math.abs(differenceMs) > clockDifferenceMsMax ? [{ name, differenceMs }] : [];
  });
  if (off.length === 0)
    return { verdict: "ok", found: `${answers.length} other nodes were asked; no clock is off` };
  const list = off.map(({ name, differenceMs }) => `${name} by ${Math.round(differenceMs / 1_000)} s`);
  return {
    verdict: "warning",
    found: `the clocks differ: ${list.join(", ")}`,
    fix: "set the clocks by NTP (timedatectl set-ntp true): codes, tokens and grants expire at the wrong time otherwise",
  };
}

/** A cut tail of an audit shows on the others: its head goes back. */
function audits(active: ActiveMesh): Finding {
  const shorter = active.news.shortenedAudits();
  if (shorter.length === 0) return { verdict: "ok", found: "no node's audit has become shorter" };
  return {
    verdict: "failure",
    found: `the audit of ${shorter.join(", ")} has become shorter since it was last told`,
    fix: 'that node was restored from a backup, or its audit was cut: compare "operone audit verify --head" there',
  };
}

function key({ twins }: ActiveMesh): Finding {
  const twin = twins.twin();
  if (twin === undefined) return { verdict: "ok", found: "no other living node has shown this node's key" };
  return {
    verdict: "failure",
    found: `another living node has this node's key: ${twin.name} on ${twin.addresses.join(", ")}`,
    fix: 'stop one of the two; on the one that was copied, "operone leave" and a new code give it a key of its own',
  };
}

interface NamedAnswer {
  readonly name: string;
  readonly value: unknown;
}

/** Those of the connected nodes that answer in time. */
async function ask(
  active: ActiveMesh,
  operation: string,
  signal: AbortSignal,
): Promise<readonly NamedAnswer[]> {
  const asked = active.nodes().filter(({ self, connected }) => connected && !self);
  const answers = await Promise.all(
    asked.slice(0, askedMax).map(async ({ peerId, name }) => {
      try {
        const answer = await active.ownCall(
          peerId,
          operation,
          AbortSignal.any([signal, AbortSignal.timeout(askMs)]),
        );
        return { name: name ?? peerId, value: answer };
      } catch (error) {
        if (error instanceof OperoneError) return undefined;
        throw error;
      }
    }),
  );
  return answers.filter((answer) => answer !== undefined);
}
