// Fails when the built dashboard outgrows its budget: what a browser downloads, gzipped.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMITS = { ".js": 150 * 1024, ".css": 15 * 1024 };
const dist = join(import.meta.dirname, "../../crates/web/dist");
const files = readdirSync(dist, { recursive: true }).map(String);

for (const [extension, limit] of Object.entries(LIMITS)) {
  const sizes = files
    .filter((file) => file.endsWith(extension))
    .map((file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const fits = sizes.length > 0 && total <= limit;
  console.log(
    `${extension}: ${(total / 1024).toFixed(1)} of ${limit / 1024} KiB gzip in ${sizes.length} files${fits ? "" : "  TOO LARGE OR MISSING"}`,
  );
  if (!fits) process.exitCode = 1;
}
