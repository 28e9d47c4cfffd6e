import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const folder = fileURLToPath(new URL("./", import.meta.url));

// What readers of traces use of Node, for browsers.
const alias = {
  "node:buffer": `${folder}src/sources/node-buffer.ts`,
  "node:zlib": `${folder}src/sources/node-zlib.ts`,
};

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
