import { Palette } from "../lib/colour";

const palette = new Palette(storage());

/** The class that sets `--series` for a value of a dimension. */
export function colourOf(dimension: string, value: string | null): string {
  return value === null ? "series-other" : `series-${palette.slotOf(dimension, value)}`;
}

/** The class that sets `--series` for one series of a chart. */
export function colourClass(
  dimension: string | null,
  series: { kind: string; value: string | null | undefined } | undefined,
): string {
  if (series === undefined || series.kind === "other") return "series-other";
  if (dimension === null || series.kind === "all") return "series-all";
  return colourOf(dimension, series.value ?? null);
}

function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
