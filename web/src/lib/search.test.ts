import { describe, expect, it } from "vitest";
import {
  MAX_FILTERS,
  validateOverview,
  validateSessions,
  validateShared,
  withFilter,
  withoutFilter,
} from "./search";

describe("validateShared", () => {
  it("keeps what it knows", () => {
    const filters = [{ dimension: "app", op: "in" as const, values: ["checkout-api", null] }];
    expect(validateShared({ range: "30d", filters })).toEqual({
      range: "30d",
      from: undefined,
      to: undefined,
      filters,
    });
    expect(validateShared({ range: "custom", from: "2026-06-01", to: "2026-06-02" })).toMatchObject({
      range: "custom",
      from: "2026-06-01",
      to: "2026-06-02",
    });
  });

  it.each([
    [{ range: "forever" }],
    [{ range: "custom" }],
    [{ range: "custom", from: "2026-06-02", to: "2026-06-01" }],
    [{ range: "custom", from: "2026-13-01", to: "2026-13-02" }],
    [{ from: "2026-06-01" }],
    [{ filters: "app" }],
    [
      {
        filters: [
          null,
          3,
          {},
          { dimension: "app" },
          { dimension: "app", values: [] },
          { dimension: "app", values: [{}] },
          { dimension: "drop table", values: ["x"] },
        ],
      },
    ],
  ])("turns %j into the defaults", (raw) => {
    const search = validateShared(raw);
    expect(search).toEqual({ range: undefined, from: undefined, to: undefined, filters: undefined });
    // The key must be there, or the router would keep what was typed.
    expect(Object.keys(search)).toContain("range");
  });

  it("bounds the number of filters and repairs the operator", () => {
    const filters = Array.from({ length: 40 }, (_, index) => ({
      dimension: `metadata.k${index}`,
      op: "like",
      values: ["x"],
    }));
    const kept = validateShared({ filters }).filters;
    expect(kept).toHaveLength(MAX_FILTERS);
    expect(kept?.[0]?.op).toBe("in");
  });
});

it("validateOverview knows dimensions, metrics and the table", () => {
  expect(
    validateOverview({
      by: "metadata.customer",
      metric: "tokens",
      table: true,
      key: "feature",
      who: "provider",
    }),
  ).toEqual({ by: "metadata.customer", metric: "tokens", table: true, key: "feature", who: "provider" });
  expect(validateOverview({ by: "password", metric: "love", table: "yes", key: "", who: "all" })).toEqual({});
});

it("validateSessions reads a number as the text that was typed", () => {
  expect(validateSessions({ q: 42, app: "  " })).toEqual({ q: "42", app: undefined });
});

describe("filters", () => {
  it("grow by value, and the opposite gives way", () => {
    const one = withFilter(undefined, "app", "a");
    const two = withFilter(one, "app", null);
    expect(two).toEqual([{ dimension: "app", op: "in", values: ["a", null] }]);
    expect(withFilter(two, "app", "a")).toEqual(two);
    expect(withFilter(two, "app", "b", "not_in")).toEqual([
      { dimension: "app", op: "not_in", values: ["b"] },
    ]);
  });

  it("disappear with their last value", () => {
    const filters = withFilter(withFilter(undefined, "app", "a"), "model", "m");
    expect(withoutFilter(filters, "app", "a")).toEqual([{ dimension: "model", op: "in", values: ["m"] }]);
    expect(withoutFilter(withoutFilter(filters, "app", "a"), "model", "m")).toBeUndefined();
  });
});
