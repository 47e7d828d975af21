import type { TokenCounts } from "../api/types";

/** All five classes together; they are disjoint. */
export function totalTokens(tokens: TokenCounts): number {
  return tokens.input + tokens.output + tokens.cache_creation + tokens.cache_read + tokens.reasoning;
}
