/** What agents see of running commands. */
import * as v from "valibot";
import type { Completion, Prompt, Resource } from "../../src/kernel/resource.ts";

const Sessions = v.array(
  v.object({ id: v.string(), argv: v.optional(v.array(v.string())), name: v.optional(v.string()) }),
);

function sessionsIn(answer: unknown): v.InferOutput<typeof Sessions> {
  const parsed = v.safeParse(Sessions, answer);
  return parsed.success ? parsed.output : [];
}

const session: Completion = {
  operation: "shell.list",
  input: () => ({}),
  values: (answer) => sessionsIn(answer).map(({ id }) => id),
};

export const resources: readonly Resource[] = [
  {
    uri: "/processes/{session}/output",
    name: "process-output",
    title: "Output of a process",
    description: "Of a session that start_process has started: what is kept of its output, and how it ended",
    mediaType: "application/x-ndjson",
    read: { operation: "shell.output", input: ({ session: id = "" }) => ({ session: id }) },
    list: {
      operation: "shell.list",
      input: () => ({}),
      each: (answer) =>
        sessionsIn(answer).map(({ id, argv = [] }) => ({
          variables: { session: id },
          title: `Output of ${argv.join(" ").slice(0, 100) || id}`,
        })),
    },
    complete: { session },
  },
];

export const prompts: readonly Prompt[] = [
  {
    name: "explain-process",
    title: "Explain a process",
    description: "What a session has done so far, and whether it went well",
    arguments: [{ name: "session", description: "The id of a session", required: true, complete: session }],
    uses: ["shell.output", "shell.list"],
    messages: ({ session: id = "" }) => [
      {
        role: "user",
        content: {
          text: `Read the output of the session ${JSON.stringify(id)} with read_process_output. Say what it has done, whether it still runs, and whether it went well. Quote the lines that show it. If it failed, say the likeliest cause and what to try next; do not stop or restart it.`,
        },
      },
    ],
  },
  {
    name: "try-first",
    title: "Try before doing",
    description: "Do something by commands, with a dry run before",
    arguments: [{ name: "goal", description: "What shall be reached", required: true }],
    uses: ["shell.run"],
    messages: ({ goal = "" }) => [
      {
        role: "user",
        content: {
          text: `Reach this by commands: ${JSON.stringify(goal)}. First run each command with dryRun and show me what would change. When it is what was meant, run it. Do nothing beyond the goal, and say at the end what has changed.`,
        },
      },
    ],
  },
];
