/** `operone join CODE`: asks what others may do here, because only a person at this machine can say so, then joins. */
import { OperoneError } from "../kernel/error.ts";
import type { CommandInput } from "./command.ts";
import { runOperation } from "./operation.ts";

const roles = ["observer", "operator", "admin"] as const;
type Role = (typeof roles)[number];

const question = `Being in one mesh gives nobody a right to run anything on this machine. What may other nodes be here at most?
  observer  see its state; nothing else (this is meant when you just press Enter)
  operator  run confined commands, and read and write files that you name
  admin     everything: an admin of the mesh is then as good as you are here
observer, operator or admin? [observer] `;

export async function join(input: CommandInput): Promise<number> {
  const [code = ""] = input.positional;
  const allow = await allowedRole(input);
  const words = ["networking", "join", `--allow=${allow}`, ...(input.json ? ["--json"] : []), "--", code];
  return await runOperation(input.directory, words);
}

/** Without a person to ask: the least. @throws OperoneError `invalid_input` */
async function allowedRole({ flag, text, json, terminal }: CommandInput): Promise<Role> {
  const given = text("allow");
  if (flag("allow-admin") && given !== undefined && given !== "admin")
    throw new OperoneError(
      "invalid_input",
      `--allow-admin and --allow ${given} say different things; give one`,
    );
  if (flag("allow-admin")) return "admin";
  if (given !== undefined) return roleOf(given, "--allow");
  const answer = json ? undefined : await terminal.ask(question);
  return answer === undefined || answer.trim() === "" ? "observer" : roleOf(answer, "The answer");
}

function roleOf(text: string, what: string): Role {
  const wanted = text.trim().toLowerCase();
  const role = roles.find((one) => one === wanted);
  if (role !== undefined) return role;
  throw new OperoneError(
    "invalid_input",
    `${what} is ${JSON.stringify(text)}; it must be observer, operator or admin. Nothing was done`,
  );
}
