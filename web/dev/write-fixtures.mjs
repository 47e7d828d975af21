// Writes src/fixtures/*.json from the sample: `npm run fixtures`. The tests read them as the server's answers.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runnerImport } from "vite";

process.env.TZ = "Europe/Berlin";
const NOW = new Date("2026-06-17T15:20:00Z");
const folder = join(import.meta.dirname, "../src/fixtures");

const { module: samples } = await runnerImport(join(import.meta.dirname, "sample.ts"));
const { module: api } = await runnerImport(join(import.meta.dirname, "fixture-api.ts"));
const sample = samples.makeSample(NOW, 26, 13);
const range = { from: "2026-06-10T22:00:00.000Z", to: "2026-06-17T15:21:00.000Z" };
const query = (request) =>
  api.query(sample, { filters: [], time_zone: "Europe/Berlin", ...range, ...request });

mkdirSync(folder, { recursive: true });
const write = (name, value) =>
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(value, null, 1)}\n`);

write("me", api.me(sample));
write("me-empty", { ...api.me(sample), first_event_at: null, last_event_at: null });
write("dimensions", api.dimensions());
write("devices", api.devices(sample));
const tiles = [
  "cost",
  "tokens.total",
  "calls",
  "sessions",
  "errors",
  "latency_ms.p95",
  "latency_ms.p50",
  "unpriced_calls",
  "tokens.input",
  "tokens.cache_read",
  "tokens.cache_creation",
  "tokens.output",
];
write("query-totals", query({ measures: tiles, dimensions: [], bucket: "day", compare: "previous" }));
for (const dimension of ["model", "app"]) {
  write(
    `query-series-${dimension}`,
    query({ measures: ["cost", "calls"], dimensions: [dimension], bucket: "day", limit: 4 }),
  );
}
for (const dimension of ["model", "app", "agent", "metadata.customer"]) {
  write(
    `query-top-${dimension}`,
    query({
      measures: ["cost", "tokens.total", "calls", "unpriced_calls"],
      dimensions: [dimension],
      limit: 3,
    }),
  );
}
const sessions = api.sessions(sample, new URLSearchParams({ ...range, limit: "6" }));
write("sessions", sessions);
const all = api.sessions(
  sample,
  new URLSearchParams({ from: "2026-06-01T00:00:00Z", to: range.to, limit: "200" }),
);
const reviewed = all.sessions.find(
  (entry) => entry.tool_calls > 0 && entry.title !== null && entry.calls > 2,
);
const session = api.session(sample, reviewed.session_id, reviewed.app);
write("session", session);
write("event", api.event(sample, session.events[0].source_event_id));
write("privacy", api.privacy(sample, range.from, range.to));
