import { describe, expect, it } from "vitest";
import { fallbackWords } from "./fallback";

describe("fallbackWords", () => {
  it.each([
    ["llama.too_short", "llama is not asked about so few words"],
    ["llama.timeout", "llama took too long"],
    ["http.unavailable", "http was not available"],
    ["llama.verbatim_run", "llama was refused for what it wrote (verbatim run)"],
    ["llama.constructor", "llama was refused for what it wrote (constructor)"],
  ])("%s", (reason, words) => {
    expect(fallbackWords(reason)).toBe(words);
  });
});
