import { FiguresService } from "./figures-service.ts";
import { serveCalls } from "./rpc.ts";

serveCalls(new FiguresService());
