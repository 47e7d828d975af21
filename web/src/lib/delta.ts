/** Change against the previous period, honest about what cannot be compared. */

export type Delta =
  | { kind: "change"; ratio: number }
  | { kind: "same" }
  /** There was nothing before, so no percentage exists. */
  | { kind: "new" }
  /** One of the two sides is unknown. */
  | { kind: "unknown" };

/** `ratio` is the change as a share of the previous value: 0.25 means a quarter more. */
export function deltaOf(current: number | null, previous: number | null): Delta {
  if (current === null || previous === null) return { kind: "unknown" };
  if (current === previous) return { kind: "same" };
  if (previous === 0) return { kind: "new" };
  return { kind: "change", ratio: (current - previous) / previous };
}

/** A cell of an answer as a number for geometry and shares; never for display. */
export function numberOf(cell: string | number | null | undefined): number | null {
  if (cell === null || cell === undefined) return null;
  const value = Number(cell);
  return Number.isFinite(value) ? value : null;
}
