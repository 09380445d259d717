/** The program itself: how it is started again, and which environment it must not run under. */

/** Variables by which Bun runs or attaches foreign code, in a compiled program too. */
const injecting = /^(BUN_OPTIONS|BUN_INSPECT|BUN_INSPECT_\w+|BUN_BE_BUN|NODE_OPTIONS|NODE_PATH)$/;

/** The program and the words before its arguments. */
export function selfCommand(): readonly string[] {
  return isCompiled() ? [process.execPath] : [process.execPath, Bun.main];
}

/** Files inside a compiled program lie under a path that no real file has. */
export function isCompiled(): boolean {
  return Bun.main.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN[\\/]/.test(Bun.main);
}

export function injectingVariables(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly string[] {
  return Object.keys(environment).filter((name) => injecting.test(name));
}

/** The environment for a node: this one without what injects code. */
export function cleanSelfEnvironment(): Record<string, string> {
  const pairs = Object.entries(process.env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !injecting.test(pair[0]),
  );
  return Object.fromEntries(pairs);
}

/**
 * Starts this process again without those variables, under the same process id. Bun obeys them before any of our
 * code runs (`BUN_OPTIONS=--inspect` would open a debugger on the node), so the only remedy is a clean start.
 * Does not return when it had to.
 */
export function restartWithoutInjection(): void {
  if (!isCompiled() || process.platform === "win32" || process.execve === undefined) return;
  if (injectingVariables().length === 0) return;
  process.execve(process.execPath, [process.execPath, ...process.argv.slice(2)], cleanSelfEnvironment());
}
