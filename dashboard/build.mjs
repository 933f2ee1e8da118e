// Builds the dashboard into the Python package: scripts and styles under names with a hash, the page, and the notices.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "src", "tickgraph", "http", "dashboard_assets");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: ["src/app.tsx", "src/theme.ts", "src/styles/app.css", "src/icon.svg"],
  outdir: out,
  outbase: "src",
  entryNames: "[name].[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".svg": "copy" },
  legalComments: "none", // they are in NOTICE.txt
  metafile: true,
  logLevel: "info",
});

const named = {};
for (const [file, made] of Object.entries(result.metafile.outputs)) {
  const name = file.split("/").pop();
  if (made.entryPoint) named[made.entryPoint.split("/").pop()] = name;
  else if (name.endsWith(".svg")) named["icon.svg"] = name;
}

const page = readFileSync(join(here, "src", "index.html"), "utf8").replace(/\{\{(.+?)\}\}/g, (_, entry) => {
  if (!named[entry]) throw new Error(`the page names ${entry}, which was not built`);
  return `dashboard/${named[entry]}`;
});
writeFileSync(join(out, "index.html"), page);
writeFileSync(join(out, "NOTICE.txt"), notice(result.metafile));
writeFileSync(join(out, "sources.sha256"), `${digest()}\n`);

/** Licences of every package that has code in the bundle. */
function notice(metafile) {
  const packages = new Set(
    Object.keys(metafile.inputs)
      .filter((input) => input.startsWith("node_modules/"))
      .map((input) => input.split("/").slice(1, input.startsWith("node_modules/@") ? 3 : 2).join("/")),
  );
  const parts = [...packages].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} has no licence file`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return `The dashboard's scripts contain code of these packages.\n\n${parts.join(`\n${"-".repeat(78)}\n\n`)}`;
}

/** Digest of all that the build reads; a test compares it with the sources, without Node. */
function digest() {
  const files = ["build.mjs", "package.json", "package-lock.json", ...readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(here, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))].sort();
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(here, file))).update("\0");
  return hash.digest("hex");
}
