import { DumpService } from "./dump-service.ts";
import { serveCalls } from "./rpc.ts";

serveCalls(new DumpService());
