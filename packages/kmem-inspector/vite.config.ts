import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const folder = fileURLToPath(new URL("./", import.meta.url));

// What readers of traces use of Node, for browsers.
const alias = [
  { find: "node:buffer", replacement: `${folder}src/sources/node-buffer.ts` },
  { find: "node:zlib", replacement: `${folder}src/sources/node-zlib.ts` },
  { find: /^\.\.\/system\/file-source\.js$/, replacement: `${folder}src/sources/memory-spool.ts` },
];

/** The page, and the element for pages of others: one build, so that both share their modules and workers. */
export default defineConfig({
  root: folder,
  base: "./",
  logLevel: "error",
  resolve: { alias },
  worker: { format: "es" },
  build: {
    outDir: "lib",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: false,
    rolldownOptions: {
      input: { index: `${folder}index.html`, element: `${folder}src/element/index.ts` },
      preserveEntrySignatures: "exports-only",
      output: { entryFileNames: "[name].js" },
    },
  },
});
