export * from "./giet.ts";
