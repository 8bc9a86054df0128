// Bundles what a window needs at once, the language client, loaded after, and the page of a run.
import { build } from "esbuild";

const shared = { outdir: "dist", bundle: true, minify: true, legalComments: "none", logLevel: "info" };

await build({
  ...shared,
  entryPoints: ["src/extension.ts", "src/session.ts"],
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode", "./session.js"],
  mainFields: ["module", "main"],
});
await build({
  ...shared,
  entryPoints: { page: "src/webview/page.mjs" },
  platform: "browser",
  format: "esm",
  target: "chrome120",
  outExtension: { ".js": ".mjs" },
});
