// biome-ignore-all lint/suspicious/noTemplateCurlyInString: scripts of shells are full of them
import { expect, test } from "bun:test";
import fc from "fast-check";
import { tracedShell } from "../../tests/shell/traced-script.ts";
import { covers, parsePattern } from "./command-pattern.ts";
import { readVector, type ScriptReading } from "./script.ts";

function read(script: string, shell = "bash"): ScriptReading {
  return readVector([shell, "-c", script]);
}

/** Each command as people write it. */
function commandsOf(script: string, shell = "bash"): string[] {
  const { commands, unknown } = read(script, shell);
  expect(unknown).toEqual([]);
  return commands.map((argv) =>
    argv.map((word) => (typeof word === "string" ? word : `<${word.open}>`)).join(" "),
  );
}

test("every command in pipes, lists, groups, conditions and loops is found", () => {
  for (const [script, commands] of [
    ["git status; git log && ls || make", ["git status", "git log", "ls", "make"]],
    ["ls | grep a | wc -l & wait", ["ls", "grep a", "wc -l"]],
    ["(ls; { id; }); ! make", ["ls", "id", "make"]],
    ["if ls; then id; elif make; then w; else date; fi", ["ls", "id", "make", "w", "date"]],
    ["while ls; do id; done; until w; do date; done", ["ls", "id", "w", "date"]],
    ['for f in a "$(ls)"; do git add "$f"; done', ["ls", "git add <one>"]],
    ["case $(id) in a|b) ls ;; *) w ;; esac", ["id", "ls", "w"]],
    ["f() { rm x; }; f y", ["rm x"]],
    ["time -p ls", ["ls"]],
    ["ls # rm x\nid", ["ls", "id"]],
    ["ls \\\n  -l", ["ls -l"]],
  ] as const) {
    for (const shell of ["sh", "bash"]) expect(commandsOf(script, shell)).toEqual([...commands]);
  }
});

test("commands are found in substitutions, assignments, here-documents, redirections and traps", () => {
  for (const [script, commands] of [
    ['echo "a $(rm "$(id)")"', ["id", "rm <one>"]],
    ["x=$(rm a); ls", ["rm a", "ls"]],
    ["A=$(id) make", ["id", "make"]],
    ["cat <<END\n$(rm a) $x\nEND\nls", ["rm a", "cat", "ls"]],
    ["cat <<'END'\n$(rm a)\nEND", ["cat"]],
    ["cat <<-END\n\t$(rm a)\n\tEND\n", ["rm a", "cat"]],
    ['ls > "$(id)"', ["id", "ls"]],
    ["trap 'rm a; ls' EXIT INT", ["rm a", "ls"]],
    ["sh -c 'ls; bash -lc \"rm a\"'", ["ls", "rm a"]],
    ["/bin/sh -ec 'ls'; busybox sh -c id", ["ls", "id"]],
    ['export A="$(id)"; read x < f; ls', ["id", "ls"]],
    ["command ls; exec make all", ["ls", "make all"]],
  ] as const) {
    expect(commandsOf(script)).toEqual([...commands]);
  }
});

test("programs that only start another are looked through, and others are judged beside what they start", () => {
  for (const [script, commands] of [
    ["timeout -k 5 10 nice -n 3 nohup git log", ["git log"]],
    ["env -i A=1 git log", ["git log"]],
    ["xargs -0 rm -f", ["xargs -0 rm -f", "rm -f <many>"]],
    ["find . -name '*.c' -exec rm {} +", ["find . -name *.c -exec rm {} +", "rm <many>"]],
    ["find . -delete", ["find . -delete"]],
    ["sudo -u me rm a", ["sudo -u me rm a", "rm a"]],
  ] as const) {
    expect(commandsOf(script)).toEqual([...commands]);
  }
});

test("quotes and backslashes are taken off, and what only the run decides stays open", () => {
  for (const [script, command] of [
    [`'g'i"t" st\\atus "a b" ''`, ["git", "status", "a b", ""]],
    ['ls "$x"', ["ls", "<one>"]],
    ["ls $x", ["ls", "<many>"]],
    ['ls "$@"', ["ls", "<many>"]],
    ['ls "$*"', ["ls", "<one>"]],
    ["ls *.c a{1,2}", ["ls", "<many>", "<many>"]],
    ['ls ~/"x"', ["ls", "<one>"]],
    ["ls ~/x --to=~", ["ls", "<one>", "<one>"]],
    ['ls "$(id)$((1+2))"', ["ls", "<one>"]],
    ['ls "${x:-a b}" ${#x}', ["ls", "<one>", "<many>"]],
    ["ls '*' \\* \"~\"", ["ls", "*", "*", "~"]],
  ] as const) {
    const argv = read(script).commands.at(-1);
    expect(argv?.map((word) => (typeof word === "string" ? word : `<${word.open}>`))).toEqual([...command]);
  }
});

const uncertain = [
  "$x a",
  '"$@"',
  "$(echo rm) a",
  "~/bin/tool",
  "r* a",
  "{rm,a}",
  "eval 'rm a'",
  ". ./file",
  "source file",
  "exec 3> file",
  "exec > file",
  "alias ls=rm",
  'trap "$x" EXIT',
  'sh -c "$x"',
  "sh file",
  "echo rm a | sh",
  "bash -i -c ls",
  "bash -O extglob -c ls",
  "zsh -c ls",
  "env $x ls",
  "env -S 'rm a'",
  "timeout $x rm a",
  "builtin eval rm",
  "declare -n a=b",
  "let x=1",
  "((x))",
  "for ((i=0;;)); do ls; done",
  "select x in a; do ls; done",
  "coproc rm a",
  "function f { ls; }",
  "ls `id`",
  "ls <(rm a)",
  "ls $'\\x41'",
  'ls $"a"',
  "ls @(a|b)",
  "a[1]=x",
  "a=(x y)",
  "x+=y",
  "echo ${!x}",
  "echo ${x@P}",
  'echo "${x:-$(rm a)}"',
  "echo ${a[$(rm a)]}",
  "x=$y; echo $((x))",
  "read x; echo $((x+1))",
  "echo $((PATH=1))",
  "echo $(($1))",
  "echo $((`rm a`))",
  "[[ $x -eq 1 ]]",
  "[[ -v $x ]]",
  "[ -v $x ]",
  "[ $x = y ]",
  "test -v a",
  "printf -v a b",
  'printf "$x"',
  'read "$x"',
  "unset $x",
  "unset -f ls",
  "f() { ls; }; unset f; f",
  "export $x",
  'wait -p "a"',
  "wait $x",
  "printf %n PATH",
  "sh -c -e 'rm a'",
  "sh -c -- 'rm a'",
  "shopt -s extglob",
  "set -a",
  "set -o posix",
  "set -k",
  "ls {fd}> file",
  "ls 12> file",
  "ls >& $x",
  "ls >& file",
  ">&-rm",
  "ls <&-rm",
  "ls >&1-",
  "cat <<A <<B\nA\nB\n",
  "cat <<A",
  'cat <<"A B"\nA B\n',
  "echo $(ls # )\n)",
  "ls\u00a0a",
  "ls\r\n",
  "ls 'a\rb'",
  "ls &&",
  "ls 'a",
  "cd a && ./build",
  "if() { rm a; }",
  "a-b() { ls; }",
  "cd() { ls; }",
];

test("what cannot be read for certain is named, and never passed over", () => {
  for (const script of uncertain) {
    expect([script, read(script).unknown.length > 0]).toEqual([script, true]);
  }
});

test("for another shell than bash all that only bash reads so is refused", () => {
  for (const script of [
    "[[ -n x && rm ]]",
    "ls &> f",
    "ls |& id",
    "cat <<< x",
    "case a in a) ls ;& b) id ;; esac",
  ]) {
    expect(read(script, "sh").unknown.length).toBeGreaterThan(0);
    expect(read(script, "dash").unknown.length).toBeGreaterThan(0);
    expect(read(script, "bash").unknown).toEqual([]);
  }
});

test("a function is one only behind the place where it is made for certain", () => {
  expect(commandsOf("f() { ls; }; f; (f)")).toEqual(["ls"]);
  expect(commandsOf("f; f() { ls; }")).toEqual(["f", "ls"]);
  expect(commandsOf("if ls; then f() { id; }; fi; f")).toEqual(["ls", "id", "f"]);
  expect(commandsOf("(f() { id; }); f")).toEqual(["id", "f"]);
  expect(commandsOf("f() { id; } & f")).toEqual(["id", "f"]);
  expect(commandsOf("f() { id; } | ls; f")).toEqual(["id", "ls", "f"]);
  expect(commandsOf("f() { ls; }; command f; env f; trap f EXIT")).toEqual(["ls", "f", "f", "f"]);
});

test("files and variables are named", () => {
  expect(read("ls > a 2>&1 >> b < c <> d 2>/dev/null >&2").files).toEqual(["> a", ">> b", "< c", "<> d"]);
  expect(read("x=1; PATH=/tmp; export y; A=2 ls; read Z; IFS= read -r l").names).toEqual([
    "A",
    "PATH",
    "Z",
    "y",
  ]);
  expect(read("env B=1 ls; for I in a; do ls; done; echo ${C:=x}").names).toEqual(["B", "C", "I"]);
});

test("counting with what can only be a number is no expansion of anything", () => {
  expect(
    commandsOf('i=0; while [ "$i" -lt 3 ]; do i=$((i + 1)); ls; done; echo $((0x1F * $i)) $(($# - 1))'),
  ).toEqual(["ls"]);
  expect(readVector(["sh", "-c", "ls $((n))"], ["n"]).unknown.length).toBe(1);
});

test("a script is bounded in length, depth, commands and here-documents", () => {
  const nested = (depth: number): string =>
    depth === 0 ? "ls" : `sh -c '${nested(depth - 1).replaceAll("'", "'\\''")}'`;
  expect(read(nested(4)).unknown).toEqual([]);
  expect(read(nested(9)).unknown.length).toBeGreaterThan(0);
  expect(read(`${"$(".repeat(1_000)}ls${")".repeat(1_000)}`).unknown.length).toBeGreaterThan(0);
  expect(read(`${"nice ".repeat(7)}ls`).unknown).toEqual([]);
  expect(read(`${"nice ".repeat(20)}ls`).unknown.length).toBeGreaterThan(0);
  expect(read("f() ".repeat(16_000)).unknown.length).toBeGreaterThan(0);
  expect(read("ls;".repeat(600)).unknown.length).toBeGreaterThan(0);
  expect(read(`ls ${"a".repeat(70_000)}`).unknown.length).toBeGreaterThan(0);
  expect(read("cat <<A\nA\n".repeat(65)).unknown.length).toBeGreaterThan(0);
});

const name = fc.constantFrom("c0", "c1", "c2", "c3");
const quoting = fc.constantFrom<(word: string) => string>(
  (word) => word,
  (word) => `'${word}'`,
  (word) => `"${word}"`,
  (word) => `\\${word}`,
  (word) => `${word[0]}"${word.slice(1)}"`,
);
interface Made {
  readonly text: string;
  readonly runs: readonly (readonly string[])[];
}
const simple: fc.Arbitrary<Made> = fc
  .tuple(
    name,
    quoting,
    fc.array(fc.tuple(fc.constantFrom("a", "b1", "c0", "done"), quoting), { maxLength: 3 }),
  )
  .map(([program, quote, words]) => ({
    text: [quote(program), ...words.map(([word, as]) => as(word))].join(" "),
    runs: [[program, ...words.map(([word]) => word)]],
  }));

/** Scripts that run all their commands, in whatever form they are written. */
const { made } = fc.letrec<{ made: Made }>((tie) => {
  const two = fc.tuple(tie("made"), tie("made"));
  const join = (form: (a: string, b: string) => string) =>
    two.map(([a, b]): Made => ({ text: form(a.text, b.text), runs: [...a.runs, ...b.runs] }));
  const wrap = (form: (a: string) => string) =>
    tie("made").map(({ text, runs }): Made => ({ text: form(text), runs }));
  return {
    made: fc.oneof(
      { maxDepth: 3, depthIdentifier: "script" },
      simple,
      join((a, b) => `${a}; ${b}`),
      join((a, b) => `${a} && ${b}`),
      join((a, b) => `${a}\n${b}`),
      join((a, b) => `{ ${a}; } | { ${b}; }`),
      join((a, b) => `if ${a}; then ${b}; fi`),
      join((a, b) => `for i in 1; do ${a}; ${b}; done`),
      join((a, b) => `x="$( ${a} )"; ${b}`),
      wrap((a) => `( ${a} )`),
      wrap((a) => `case x in x) ${a} ;; esac`),
      wrap((a) => `echo "$( ${a} )"`),
      wrap((a) => `: <<END${"\n"}$( ${a} )${"\n"}END${"\n"}`),
      wrap((a) => `g() { ${a}; }; g`),
      wrap((a) => `sh -c '${a.replaceAll("'", "'\\''")}'`),
      wrap((a) => `trap '${a.replaceAll("'", "'\\''")}' EXIT`),
    ),
  };
});

test("of a script that is made of known commands exactly these are found", () => {
  const sorted = (runs: readonly unknown[]) => runs.map((run) => JSON.stringify(run)).toSorted();
  fc.assert(
    fc.property(made, ({ text, runs }) => {
      const { commands, unknown } = read(text, "sh");
      // In a substitution it is not certain that the function was made, so it may be a program.
      const others = commands.filter(([program]) => program !== "g");
      if (unknown.length === 0) expect(sorted(others)).toEqual(sorted(runs));
    }),
    { numRuns: 300 },
  );
});

const pieces = [
  ..."'\"();&|#\\$`{}!~*?=<> \n\t",
  ..."c0,c1,c2,$(,&&,||,;;,\\\n,${x},${x:-,<<E\n,\nE\n,<<'E'\n,>o,2>&1,$',case ,esac, in ,if ,then ,else ,fi".split(
    ",",
  ),
  ..."for x in ,do ,done,[[ ,]],[ , ],((,)),$((,h() ,{ ,function ,x=c1,time ,eval ,trap ,EXIT,'c1'".split(
    ",",
  ),
  ...'env ,timeout 1 ,<(,&>,<<<,command ,exec ,export ,sh -c ,bash -c ,set -- ,"$@",$1,xargs '.split(","),
];
const frames = [
  "c0 $(c1)",
  "c0 <<E\n$(c1)\nE\n",
  "if c0; then c1; fi",
  "f() { c1; }; f",
  "x=$(c0); c1 $x",
  "c0 # c1\nc2",
];

test("whatever a real shell starts was found before, or the script was refused", async () => {
  using shells = tracedShell(["c0", "c1", "c2", "function", "E"]);
  const text = fc
    .tuple(
      fc.constantFrom("", ...frames),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(...pieces)), { maxLength: 6 }),
    )
    .map(([frame, inserts]) =>
      inserts.reduce((script, [at, piece]) => {
        const place = at % (script.length + 1);
        return script.slice(0, place) + piece + script.slice(place);
      }, frame),
    );
  let started = 0;
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom("bash", "dash"), async (script, shell) => {
      const { commands, unknown } = read(script, shell);
      if (unknown.length > 0) return;
      const runs = await shells.trace(shell, script);
      started += runs.length;
      for (const run of runs) expect([run, commands.some((argv) => isOne(argv, run))]).toEqual([run, true]);
    }),
    { numRuns: 300 },
  );
  expect(started).toBeGreaterThan(0);
}, 60_000);

/** By a pattern that says of the reading what it says. */
function isOne(argv: ScriptReading["commands"][number], run: readonly string[]): boolean {
  const many = argv.findIndex((word) => typeof word === "object" && word.open === "many");
  const parts = (many === -1 ? argv : argv.slice(0, many)).map((word) =>
    typeof word === "object" ? "*" : `'${word}'`,
  );
  const pattern = parsePattern([...parts, ...(many === -1 ? [] : ["**"])].join(" "));
  return typeof pattern !== "string" && covers(pattern, run);
}
