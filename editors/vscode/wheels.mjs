// Builds flowmill's wheel into dist/wheels for the extension to bring along; with --all, also the wheels of all that it
// needs, for this platform and the Python that builds them (PYTHON, else python3).
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

const python = process.env.PYTHON ?? (process.platform === "win32" ? "py" : "python3");
const all = process.argv.includes("--all");
rmSync("dist/wheels", { recursive: true, force: true });
const quiet = ["--quiet", "--disable-pip-version-check"];
execFileSync(python, ["-m", "pip", "wheel", ...quiet, ...(all ? ["-c", "../../.constraints.txt"] : ["--no-deps"]), "--wheel-dir", "dist/wheels", "../.."], {
  stdio: "inherit",
});
