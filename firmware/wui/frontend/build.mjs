// Makes the pages that the web UI serves: `node build.mjs OUT`. Bundles have a digest in their names, so that browsers keep them;
// beside each file lies a compressed one. The same sources make the same bytes.

import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { TABS } from "./src/tabs.js";

const out = process.argv[2];
const assets = join(out, "assets");
const common = { bundle: true, minify: true, metafile: true, format: "esm", target: "es2022", outdir: assets, entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", legalComments: "none", logLevel: "warning" };

rmSync(out, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });

// What the login page needs is served to everybody, so it shares nothing with the rest.
const made = [
  await build({ ...common, entryPoints: ["src/login.js"] }),
  await build({ ...common, entryPoints: ["src/app.js"], splitting: true }),
  await build({ ...common, entryPoints: ["src/style.css"] }),
];
const names = Object.assign({}, ...made.map(({ metafile }) => entries(metafile)));
// The style stands in the page itself: nothing has to be asked for before it is painted.
const style = readFileSync(join(assets, names["style.css"]), "utf8").trim();
const tabs = TABS.map(([key, name]) => `<li><a href="#/${key}">${name}</a></li>`).join("");
// What app.js imports is asked for together with it, not when it has been read.
const preload = imports(made[1].metafile).map((name) => `<link rel="modulepreload" href="/assets/${name}">`).join("\n");
for (const page of ["login.html", "app.html"]) {
  const text = readFileSync(join("src", page), "utf8").replace(/@([a-z]+\.(js|css))@/g, (_, name) => `/assets/${names[name]}`);
  writeFileSync(join(out, page), text.replace("@style@", () => style).replace("@tabs@", tabs).replace("@preload@", preload));
}
for (const name of readdirSync(assets)) compress(join(assets, name));
for (const page of ["login.html", "app.html"]) compress(join(out, page));

/** The name of each entry point's file, by that of its source. */
function entries(metafile) {
  const found = Object.entries(metafile.outputs).filter(([, output]) => output.entryPoint);
  return Object.fromEntries(found.map(([path, output]) => [basename(output.entryPoint), basename(path)]));
}

/** The files that an entry point imports at once, however deep. */
function imports({ outputs }) {
  const found = new Set();
  const follow = (path) => {
    for (const { path: next, kind } of outputs[path].imports) {
      if (kind !== "import-statement" || found.has(next)) continue;
      found.add(next);
      follow(next);
    }
  };
  follow(Object.keys(outputs).find((path) => outputs[path].entryPoint));
  return [...found].map((path) => basename(path));
}

function compress(path) {
  writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
}
