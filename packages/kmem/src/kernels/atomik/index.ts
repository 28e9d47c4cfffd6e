export * from "./atomik.ts";
