/** The paths that other modules answer at. */
import { OperoneError } from "../../src/kernel/error.ts";
import { targetOf } from "../../src/surface/http-request.ts";
import { pathPrefix } from "../../src/surface/http-wire.ts";
import type { Route, Routes } from "./contract.ts";

export class RouteTable implements Routes {
  readonly #routes = new Map<string, Route>();

  add(path: string, route: Route): () => void {
    if (this.#routes.has(path) || path.startsWith(pathPrefix))
      throw new OperoneError("conflict", `The path "${path}" is answered by another module already`);
    this.#routes.set(path, route);
    return () => void this.#routes.delete(path);
  }

  /** Looked at for each request, so that of an operation costs next to nothing. */
  at(url: string): Route | undefined {
    if (this.#routes.size === 0 || url.includes(pathPrefix)) return undefined;
    return this.#routes.get(targetOf(url).path);
  }
}
