import { describe, expect, it } from "vitest";
import { deltaOf } from "./delta";
import {
  ago,
  axisMoney,
  bucketName,
  bytes,
  completeness,
  count,
  counted,
  days,
  delta,
  duration,
  exactMoney,
  money,
  share,
  shortCount,
} from "./format";

describe("money", () => {
  it.each([
    ["0.004800000000", "$0.004800", "$0.0048"],
    ["12.345678900000", "$12.35", "$12.3456789"],
    ["123.400000000000", "$123.4", "$123.40"],
    ["1234.560000000000", "$1,235", "$1,234.56"],
    ["1234567.890000000000", "$1.235M", "$1,234,567.89"],
    ["0.000000000001", "$0.000000000001000", "$0.000000000001"],
    ["0.000000000000", "$0.00", "$0.00"],
    ["-3.100000000000", "-$3.100", "-$3.10"],
    [null, "–", "not priced"],
  ])("%s", (amount, short, exact) => {
    expect(money(amount)).toBe(short);
    expect(exactMoney(amount)).toBe(exact);
  });

  it("keeps every digit of an amount that a float cannot hold", () => {
    expect(exactMoney("90071992547409.930000000001")).toBe("$90,071,992,547,409.930000000001");
  });

  it.each([
    [2.5, 0.5, "$2.50"],
    [2, 0.5, "$2.00"],
    [0.0002, 0.0001, "$0.0002"],
    [40, 20, "$40"],
    [2_000, 1_000, "$2K"],
    [0, 1, "$0"],
  ])("axis tick %d with step %d", (value, step, text) => expect(axisMoney(value, step)).toBe(text));
});

describe("counts", () => {
  it("are full or short", () => {
    expect([
      count(1_234_567),
      shortCount(9_999),
      shortCount(12_345),
      shortCount(4_560_000),
      count(null),
    ]).toEqual(["1,234,567", "9,999", "12.3K", "4.56M", "–"]);
    expect([counted(1, "call"), counted(2_000, "call")]).toEqual(["1 call", "2,000 calls"]);
  });

  it("shares are never rounded to all or nothing", () => {
    expect([
      share(1, 3),
      share(1, 40),
      share(1, 100_000),
      share(99_999, 100_000),
      share(5, 5),
      share(0, 5),
      share(1, 0),
    ]).toEqual(["33%", "2.5%", "<0.1%", ">99.9%", "100%", "0.0%", "–"]);
  });

  it("completeness is 100 % only when nothing is missing", () => {
    expect([
      completeness(100_000, 100_000),
      completeness(99_998, 100_000),
      completeness(9_999_999, 10_000_000),
      completeness(1, 2),
      completeness(0, 0),
    ]).toEqual(["100 %", "99.998 %", "99.999 %", "50 %", "–"]);
  });
});

describe("delta", () => {
  it.each([
    [15, 10, "+50%"],
    [10.5, 10, "+5.0%"],
    [5, 10, "−50%"],
    [10, 10, "no change"],
    [0, 0, "no change"],
    [5, 0, "new"],
    [0, 5, "−100%"],
    [null, 5, "no comparison"],
    [5, null, "no comparison"],
    [300, 10, "×30"],
    [100_001, 100_000, "+<0.1%"],
  ])("%s after %s", (current, previous, text) => expect(delta(deltaOf(current, previous))).toBe(text));
});

describe("times", () => {
  it.each([
    [340, "340 ms"],
    [1_200, "1.20 s"],
    [12_340, "12.3 s"],
    [125_000, "2 min 5 s"],
    [59_960, "60.0 s"],
    [12_000_000, "3 h 20 min"],
    [90_000_000, "1 d 1 h"],
    [null, "–"],
  ])("%s ms", (ms, text) => expect(duration(ms)).toBe(text));

  it("age grows by steps", () => {
    const now = Date.parse("2026-06-17T12:00:00Z");
    expect([12_000, 180_000, 7_200_000, 259_200_000, -5].map((age) => ago(now - age, now))).toEqual([
      "12 s ago",
      "3 min ago",
      "2 h ago",
      "3 d ago",
      "0 s ago",
    ]);
  });

  it("buckets and ranges have names", () => {
    const edge = new Date(2026, 5, 1);
    expect([
      bucketName(edge, "day"),
      bucketName(edge, "hour"),
      bucketName(edge, "month"),
      bucketName(edge, "week"),
    ]).toEqual(["Mon 1 Jun", "Mon 1 Jun, 00:00", "June 2026", "week of 1 Jun 2026"]);
    expect(days(edge, new Date(2026, 6, 1))).toBe("1 – 30 Jun 2026");
  });

  it("sizes", () =>
    expect([bytes(512), bytes(81_234), bytes(999_600), bytes(1.5e9)]).toEqual([
      "512 B",
      "81.2 kB",
      "1.0 MB",
      "1.5 GB",
    ]));
});
