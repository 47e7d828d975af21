import { describe, expect, it } from "vitest";
import { bucketEdges, bucketFor, isoDay, localDay, windowOf } from "./time";

const DAY = 86_400_000;
const NOW = new Date("2026-06-17T15:20:30Z");

describe("windowOf", () => {
  it("is whole local days up to this minute", () => {
    const window = windowOf({ range: "7d" }, NOW);
    expect([window.from.toISOString(), window.to.toISOString(), window.bucket]).toEqual([
      "2026-06-10T22:00:00.000Z",
      "2026-06-17T15:21:00.000Z",
      "day",
    ]);
    expect(bucketEdges(window)).toHaveLength(7);
  });

  it("is 24 hours by the hour", () => {
    const window = windowOf({ range: "24h" }, NOW);
    expect([window.from.toISOString(), window.bucket, bucketEdges(window).length]).toEqual([
      "2026-06-16T16:00:00.000Z",
      "hour",
      24,
    ]);
  });

  it("includes both days of a custom range", () => {
    const window = windowOf({ range: "custom", from: "2026-06-01", to: "2026-06-30" }, NOW);
    expect([window.from.toISOString(), window.to.toISOString()]).toEqual([
      "2026-05-31T22:00:00.000Z",
      "2026-06-30T22:00:00.000Z",
    ]);
  });

  it("falls back to a week when the custom days make no sense", () => {
    expect(windowOf({ range: "custom", from: "2026-06-30", to: "2026-06-01" }, NOW)).toEqual(
      windowOf({ range: "7d" }, NOW),
    );
  });
});

describe("bucketEdges", () => {
  it("has one edge per day when the clocks change", () => {
    const window = windowOf({ range: "custom", from: "2026-03-28", to: "2026-03-30" }, NOW);
    const lengths = bucketEdges(window).map(
      (edge, index, edges) => ((edges[index + 1] ?? window.to).getTime() - edge.getTime()) / 3_600_000,
    );
    expect(lengths).toEqual([24, 23, 24]);
  });

  it("begins weeks on Monday and months on the first", () => {
    const [from, to] = [new Date(2026, 0, 7), new Date(2026, 1, 10)];
    expect(bucketEdges({ from, to, bucket: "week" }).map(isoDay)[0]).toBe("2026-01-05");
    expect(bucketEdges({ from, to, bucket: "month" }).map(isoDay)).toEqual(["2026-01-01", "2026-02-01"]);
  });

  it.each([
    [DAY, "hour"],
    [3 * DAY, "day"],
    [92 * DAY, "day"],
    [200 * DAY, "week"],
    [800 * DAY, "month"],
  ])("a span of %d ms gets its bucket", (span, bucket) => expect(bucketFor(span)).toBe(bucket));
});

it("localDay refuses what is no day", () => {
  expect(["2026-02-30", "2026-6-1", "yesterday", undefined].map(localDay)).toEqual([null, null, null, null]);
  expect(localDay("2026-02-28")).toEqual(new Date(2026, 1, 28));
});
