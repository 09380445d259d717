import { OperoneError } from "../../src/kernel/error.ts";

export async function startShell(_input: unknown): Promise<never> {
  throw new OperoneError("unsupported", "Commands do not run yet");
}
