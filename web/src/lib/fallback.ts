/** What is said of an engine that did not write an abstract, by its reason on the wire. */
const REASONS = new Map([
  ["too_short", "is not asked about so few words"],
  ["known", "failed at the same content before"],
  ["queue", "had too much waiting"],
  ["unavailable", "was not available"],
  ["no_model", "had no model on that machine"],
  ["timeout", "took too long"],
  ["crashed", "ended in the middle"],
  ["panicked", "failed"],
  ["bad_answer", "gave no usable answer"],
]);

/** Says why another engine was to write an abstract and did not: `llama.timeout` becomes `llama took too long`. */
export function fallbackWords(reason: string): string {
  const [engine = "", why = ""] = reason.split(".");
  // Every other reason is one of the leak gate.
  return `${engine} ${REASONS.get(why) ?? `was refused for what it wrote (${why.replaceAll("_", " ")})`}`;
}
