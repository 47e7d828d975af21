import { describe, expect, it } from "vitest";
import type { Cell, QueryAnswer } from "../api/types";
import { layoutStack, seriesOf, sparklinePath } from "./stack";

const EDGES = [
  new Date("2026-06-01T00:00:00+02:00"),
  new Date("2026-06-02T00:00:00+02:00"),
  new Date("2026-06-03T00:00:00+02:00"),
];
const [FIRST, SECOND, THIRD] = [
  "2026-06-01T00:00:00+02:00",
  "2026-06-02T00:00:00+02:00",
  "2026-06-03T00:00:00+02:00",
];
const SIZE = { width: 400, height: 200 };

function answer(rows: Cell[][], other: Cell[][] = []): QueryAnswer {
  const columns = [
    { name: "bucket", kind: "bucket" as const },
    { name: "model", kind: "dimension" as const },
    { name: "cost", kind: "measure" as const },
  ];
  return {
    columns,
    rows,
    other,
    totals: {},
    coverage: { unpriced_calls: 0, unknown_usage_calls: 0, flagged_time: 0 },
  };
}

describe("seriesOf", () => {
  it("orders by total, puts other last and leaves gaps", () => {
    const { series } = seriesOf(
      answer(
        [
          [FIRST, "small", "1.000000000000"],
          [FIRST, "large", "2.000000000000"],
          [THIRD, "large", "3.000000000000"],
        ],
        [[SECOND, null, "9.000000000000"]],
      ),
      "model",
      "cost",
      EDGES,
    );
    expect(series.map(({ kind, value, cells, total }) => ({ kind, value, cells, total }))).toEqual([
      {
        kind: "value",
        value: "large",
        cells: ["2.000000000000", null, "3.000000000000"],
        total: "5.000000000000",
      },
      { kind: "value", value: "small", cells: ["1.000000000000", null, null], total: "1.000000000000" },
      { kind: "other", value: undefined, cells: [null, "9.000000000000", null], total: "9.000000000000" },
    ]);
  });

  it("tells an absent value from other and from an empty text", () => {
    const { series } = seriesOf(
      answer(
        [
          [FIRST, null, "1.0"],
          [FIRST, "", "2.0"],
        ],
        [[FIRST, null, "3.0"]],
      ),
      "model",
      "cost",
      EDGES,
    );
    expect(new Set(series.map((entry) => entry.key)).size).toBe(3);
  });

  it("adds exactly what falls into one bucket and keeps unpriced apart from zero", () => {
    const within = "2026-06-01T10:00:00+02:00";
    const { series } = seriesOf(
      answer([
        [FIRST, "a", "0.100000000000"],
        [within, "a", "0.200000000000"],
        [FIRST, "b", null],
      ]),
      "model",
      "cost",
      EDGES,
    );
    expect(series.map((entry) => entry.total)).toEqual(["0.300000000000", null]);
  });

  it("has one series without a dimension", () => {
    const counts = {
      ...answer([]),
      columns: [
        { name: "bucket", kind: "bucket" as const },
        { name: "calls", kind: "measure" as const },
      ],
      rows: [
        [FIRST, 2],
        [THIRD, 4],
      ],
    };
    expect(seriesOf(counts, null, "calls", EDGES).series).toMatchObject([
      { kind: "all", cells: [2, null, 4], total: 6 },
    ]);
  });
});

describe("layoutStack", () => {
  const table = seriesOf(
    answer([
      [FIRST, "a", "1"],
      [FIRST, "b", "3"],
      [THIRD, "a", "2"],
    ]),
    "model",
    "cost",
    EDGES,
  );
  const layout = layoutStack(table, SIZE);

  it("stacks without gaps, the first series at the bottom", () => {
    const [top, bottom] = ["value:a:false", "value:b:false"].map((key) =>
      layout.bars.find((bar) => bar.series === key && bar.index === 0),
    );
    expect(table.series.map((entry) => entry.value)).toEqual(["a", "b"]);
    expect(top?.y).toBeCloseTo((bottom?.y ?? 0) + (bottom?.height ?? 0));
    expect((top?.y ?? 0) + (top?.height ?? 0)).toBeCloseTo(layout.plot.bottom);
  });

  it("draws in proportion, inside the plot, nothing for an empty bucket", () => {
    const heights = Object.fromEntries(layout.bars.map((bar) => [`${bar.series}${bar.index}`, bar.height]));
    expect(heights["value:b:false0"]).toBeCloseTo(3 * (heights["value:a:false0"] ?? 0));
    expect(layout.bars.some((bar) => bar.index === 1)).toBe(false);
    expect(
      layout.bars.every(
        (bar) =>
          bar.x >= layout.plot.left && bar.x + bar.width <= layout.plot.right && bar.y >= layout.plot.top,
      ),
    ).toBe(true);
  });

  it("covers the plot with columns and begins the axis at zero", () => {
    const last = layout.columns.at(-1);
    expect(layout.columns[0]?.x).toBeCloseTo(layout.plot.left, 0);
    expect((last?.x ?? 0) + (last?.width ?? 0)).toBeCloseTo(layout.plot.right, 0);
    expect(layout.yTicks[0]).toEqual({ value: 0, y: layout.plot.bottom });
  });

  it("labels as many buckets as there is room for, the newest always", () => {
    const edges = Array.from({ length: 90 }, (_, day) => new Date(2026, 0, 1 + day));
    const ticks = layoutStack({ edges, series: [] }, { width: 800, height: 200 }).xTicks;
    expect(ticks.length).toBeLessThanOrEqual(11);
    expect(ticks.at(-1)?.index).toBe(89);
  });

  it("holds without data and without room", () => {
    expect(layoutStack({ edges: [], series: [] }, SIZE).bars).toEqual([]);
    expect(
      layoutStack(table, { width: 0, height: 0 }).bars.every(
        (bar) => Number.isFinite(bar.x) && Number.isFinite(bar.height),
      ),
    ).toBe(true);
  });
});

it("sparklinePath draws a shape or nothing", () => {
  expect(sparklinePath([0, 5, 10], { width: 20, height: 10 })).toBe("M1.0,8.5L10.0,5.0L19.0,1.5");
  expect([sparklinePath([], SIZE), sparklinePath([3], SIZE), sparklinePath([0, null, 0], SIZE)]).toEqual([
    "",
    "",
    "",
  ]);
});
