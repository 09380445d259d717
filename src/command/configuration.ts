/** The configuration of one data directory: its file, the environment and the flags. */
import { configSchema, type ResolvedConfig, resolveConfig } from "../kernel/config.ts";
import type { ConfigLayer } from "../kernel/config-layers.ts";
import { modules } from "../modules.ts";
import { type DataPaths, readConfigText } from "../platform/paths.ts";

/** @throws OperoneError `invalid_input` with every problem. */
export async function loadConfiguration(
  paths: DataPaths,
  settings: readonly string[],
): Promise<ResolvedConfig> {
  const text = readConfigText(paths.config);
  const layers: ConfigLayer[] = [];
  if (text !== undefined) {
    const { parseToml } = await import("../platform/toml.ts");
    layers.push({ source: "config.toml", ...parseToml(text, "config.toml") });
  }
  layers.push({ source: "environment", environment: process.env });
  layers.push({ source: "--set", settings });
  return resolveConfig({ modules, layers });
}

export const configFileSchema = () => configSchema(modules);
