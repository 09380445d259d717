/** Ways to the outside, for a contained child to try in vain. */

/** Its length. */
export async function readAttempt(path: string): Promise<number> {
  return (await Bun.file(path).text()).length;
}

export async function writeAttempt(path: string): Promise<number> {
  return await Bun.write(path, "written");
}

export function startAttempt(program: string): number {
  return Bun.spawnSync([program]).exitCode;
}

/** At the machine's loopback. */
export async function connectAttempt(port: number): Promise<string> {
  const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
  socket.end();
  return "connected";
}
