import type { ByteSink } from "../forms/stored-section-writer.ts";
import type { EventStream } from "../trace/event-context.ts";
import type { Conversion } from "./conversion.ts";
import { CsvConversion } from "./csv-conversion.ts";
import { FtraceConversion } from "./ftrace-conversion.ts";
import { ParquetConversion } from "./parquet-conversion.ts";
import { PerfettoConversion } from "./perfetto-conversion.ts";
import { ProfileConversion } from "./profile-conversion.ts";
import { StoredConversion } from "./stored-conversion.ts";

/** The forms that traces are converted to: what makes one, and how its files are named. */
export const CONVERSIONS: Readonly<
  Record<
    string,
    {
      readonly ending: string;
      /** Whether OUT is a folder for the files of many traces. */
      readonly isFolder?: true;
      readonly open: (sink: ByteSink, stream: EventStream) => Conversion;
    }
  >
> = {
  kmem: { ending: ".kmt", open: (sink, stream) => new StoredConversion(sink, stream) },
  ftrace: { ending: ".trace.txt", open: (sink, stream) => new FtraceConversion(sink, stream) },
  csv: { ending: ".csv", open: (sink, stream) => new CsvConversion(sink, stream) },
  pprof: { ending: ".pb.gz", open: (sink, stream) => new ProfileConversion(sink, stream, "pprof") },
  speedscope: { ending: ".speedscope.json", open: (sink, stream) => new ProfileConversion(sink, stream, "speedscope") },
  parquet: { ending: "", isFolder: true, open: (sink, stream) => new ParquetConversion(sink, stream) },
  perfetto: { ending: ".json", open: (sink, stream) => new PerfettoConversion(sink, stream) },
};
