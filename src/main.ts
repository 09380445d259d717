import pkg from "../package.json" with { type: "json" };

if (process.argv.includes("--version")) {
  console.log(`operone ${pkg.version}`);
} else {
  console.error("operone: only --version works yet");
  process.exitCode = 2;
}
