import { tiersAreTold, tiersHold } from "./tiers.ts";

tiersHold("ordinary");
tiersAreTold("ordinary");
