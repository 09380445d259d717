import { tiersAreTold, tiersHold } from "./tiers.ts";

tiersHold("root");
tiersAreTold("root");
