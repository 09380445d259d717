/** What agents see of files: each by its URI, directories as trees, and what they are asked about most. */
import * as v from "valibot";
import type { Completion, Prompt, Resource, Variables } from "../../src/kernel/resource.ts";

const Listed = v.object({
  entries: v.array(v.object({ path: v.string(), kind: v.string() })),
});

/** Names in the directory that the typed path is in, or ends with. Files or directories go on to be typed. */
const path: Completion = {
  operation: "fs.list",
  input: (variables) => ({ path: folderOf(variables), limit: 1_000 }),
  values(answer) {
    const parsed = v.safeParse(Listed, answer);
    if (!parsed.success) return [];
    return parsed.output.entries.map(({ path: full, kind }) => (kind === "directory" ? `${full}/` : full));
  },
};

function folderOf({ path: typed = "" }: Variables): string {
  const end = typed.lastIndexOf("/");
  return end <= 0 ? "/" : typed.slice(0, end);
}

/** In a URI a path begins with the slash that ends the part before. */
const inUri: Completion = { ...path, input: (variables) => path.input(withSlash(variables)) };

function withSlash({ path: given = "", ...rest }: Variables): Variables & { readonly path: string } {
  return { ...rest, path: given.startsWith("/") ? given : `/${given}` };
}

/** Its first word is that nothing is missed from then on. */
const watch = {
  operation: "fs.watch",
  begins: (item: unknown) => v.is(v.object({ ready: v.literal(true) }), item),
};

/** The last name of the path as a pattern that fits nothing else. */
function literally(full: string): string {
  return full.slice(full.lastIndexOf("/") + 1).replaceAll(/[\\*?[\]{}!]/g, "\\$&");
}

export const resources: readonly Resource[] = [
  {
    uri: "/files{+path}",
    name: "file",
    title: "A file",
    description: "Its content, as text or as bytes. The path is absolute: operone://pi/files/etc/hosts",
    mediaType: "application/octet-stream",
    read: { operation: "fs.content", input: (variables) => ({ path: withSlash(variables).path }) },
    watch: {
      ...watch,
      input: (variables) => ({
        ...{ path: folderOf(withSlash(variables)), recursive: false, ignoreFiles: false },
        pattern: literally(withSlash(variables).path),
      }),
    },
    complete: { path: inUri },
  },
  {
    uri: "/tree{+path}",
    name: "tree",
    title: "A directory",
    description: "What is in it: names, kinds, sizes, times. The path is absolute: operone://pi/tree/var/log",
    read: { operation: "fs.list", input: (variables) => ({ path: withSlash(variables).path }) },
    watch: {
      ...watch,
      input: (variables) => ({ path: withSlash(variables).path, recursive: false, ignoreFiles: false }),
    },
    complete: { path: inUri },
  },
];

export const prompts: readonly Prompt[] = [
  {
    name: "explain-file",
    title: "Explain a file",
    description: "What a file is for, how it works, and what is odd about it",
    arguments: [
      {
        name: "path",
        description: "An absolute path, or one that begins with ~/",
        required: true,
        complete: path,
      },
    ],
    uses: ["fs.read", "fs.content"],
    messages: ({ path: which = "" }) => [
      {
        role: "user",
        content: {
          text: `Read ${JSON.stringify(which)} with read_text_file, in parts if it is long. Then say what it is for, how it works, and what in it is odd, risky or out of date. Quote lines with their numbers. Change nothing.`,
        },
      },
    ],
  },
  {
    name: "find-file",
    title: "Find a file",
    description: "Find a file by what is known of it, on any machine",
    arguments: [
      {
        name: "what",
        description: "What is known of it: its name, what it says, how old it is",
        required: true,
      },
    ],
    uses: ["fs.search", "fs.glob"],
    messages: ({ what = "" }) => [
      {
        role: "user",
        content: {
          text: `Find this file: ${JSON.stringify(what)}. Look by name with search_files and by content with grep, first here, then with node "all". Say where each one that fits is (node and path), why it fits, and which is the likeliest. Change nothing.`,
        },
      },
    ],
  },
];
