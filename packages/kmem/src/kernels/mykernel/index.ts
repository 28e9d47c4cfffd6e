export * from "./mykernel.ts";
