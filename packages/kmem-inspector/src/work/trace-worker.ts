import { serveCalls } from "./rpc.ts";
import { TraceService } from "./trace-service.ts";

serveCalls(new TraceService());
