/** The programming language of a source, by its name or its first line. */
const byEnding: Readonly<Record<string, string>> = {
  ada: "ada",
  awk: "awk",
  bash: "shell",
  bat: "batch",
  c: "c",
  cc: "c++",
  clj: "clojure",
  cmake: "cmake",
  cpp: "c++",
  cs: "c#",
  css: "css",
  cxx: "c++",
  d: "d",
  dart: "dart",
  diff: "diff",
  el: "emacs-lisp",
  elm: "elm",
  erl: "erlang",
  ex: "elixir",
  exs: "elixir",
  f90: "fortran",
  fish: "fish",
  fs: "f#",
  go: "go",
  graphql: "graphql",
  groovy: "groovy",
  h: "c",
  hpp: "c++",
  hs: "haskell",
  ini: "ini",
  java: "java",
  jl: "julia",
  js: "javascript",
  jsx: "javascript",
  kt: "kotlin",
  lisp: "lisp",
  lua: "lua",
  m: "objective-c",
  mjs: "javascript",
  cjs: "javascript",
  ml: "ocaml",
  nim: "nim",
  nix: "nix",
  patch: "diff",
  php: "php",
  pl: "perl",
  pm: "perl",
  proto: "protobuf",
  ps1: "powershell",
  py: "python",
  r: "r",
  rb: "ruby",
  rs: "rust",
  s: "assembly",
  scala: "scala",
  scm: "scheme",
  sh: "shell",
  sql: "sql",
  svelte: "svelte",
  swift: "swift",
  tcl: "tcl",
  tex: "latex",
  tf: "terraform",
  toml: "toml",
  ts: "typescript",
  tsx: "typescript",
  vue: "vue",
  xml: "xml",
  yaml: "yaml",
  yml: "yaml",
  zig: "zig",
  zsh: "shell",
};
const byName: Readonly<Record<string, string>> = {
  dockerfile: "dockerfile",
  makefile: "make",
  gnumakefile: "make",
  "cmakelists.txt": "cmake",
  jenkinsfile: "groovy",
  rakefile: "ruby",
  gemfile: "ruby",
};
const byProgram: readonly (readonly [RegExp, string])[] = [
  [/^(ba|da|k|z|a)?sh$/, "shell"],
  [/^python[\d.]*$/, "python"],
  [/^(node|bun|deno)$/, "javascript"],
  [/^perl[\d.]*$/, "perl"],
  [/^ruby[\d.]*$/, "ruby"],
  [/^(g|m|n)?awk$/, "awk"],
  [/^(tclsh|wish)[\d.]*$/, "tcl"],
  [/^(php|lua|fish|make|Rscript)[\d.]*$/, ""],
];

export function codeLanguage(path: string, start: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const ending = /\.([^.]+)$/.exec(name)?.[1] ?? "";
  const named = own(byName, name) ?? own(byEnding, ending);
  if (named !== undefined) return named;
  const shebang = /^#!\s*(?:\S*\/)?(\S+)(?:[ \t]+(?:-\S+[ \t]+)*(?:\S*\/)?(\S+))?/.exec(start);
  const program = shebang?.[1] === "env" ? shebang[2] : shebang?.[1];
  if (program === undefined) return undefined;
  const found = byProgram.find(([pattern]) => pattern.test(program))?.[1];
  return found === "" ? program.replace(/[\d.]+$/, "").toLowerCase() : found;
}

function own(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
