import { proveWayOut } from "./way-out.ts";

await proveWayOut("root");
