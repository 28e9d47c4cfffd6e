import { ReplayService } from "./replay-service.ts";
import { serveCalls } from "./rpc.ts";

serveCalls(new ReplayService());
