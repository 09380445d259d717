import { afterAll } from "bun:test";
import {
  commandsAreAlone,
  commandsEnd,
  commandsWork,
  profilesGive,
  workspacesAreChecked,
} from "./commands.ts";
import { roomyLimits, stageFor } from "./stage.ts";

const stage = await stageFor("ordinary", roomyLimits);
afterAll(() => stage[Symbol.asyncDispose]());

commandsWork(() => stage);
commandsAreAlone(() => stage);
commandsEnd(() => stage);
profilesGive(() => stage);
workspacesAreChecked(() => stage);
