import type { Filter } from "../api/types";
import { dimensionName, dimensionValue } from "../lib/format";
import styles from "./ui.module.css";

/** The filters in force, each with a way out. */
export function FilterChips({
  filters,
  onRemove,
  onClear,
}: {
  filters: Filter[];
  onRemove(dimension: string, value: string | null): void;
  onClear(): void;
}) {
  if (filters.length === 0) return null;
  return (
    <ul className={styles.chips} aria-label="Filters">
      {filters.flatMap((filter) =>
        filter.values.map((value) => (
          <li key={`${filter.dimension}/${value}`} className={styles.chip}>
            <span className={styles.chipName}>
              {dimensionName(filter.dimension)} {filter.op === "in" ? "is" : "is not"}
            </span>
            <strong>{dimensionValue(value)}</strong>
            <button
              type="button"
              onClick={() => onRemove(filter.dimension, value)}
              aria-label={`Remove the filter ${dimensionName(filter.dimension)} ${dimensionValue(value)}`}
            >
              ×
            </button>
          </li>
        )),
      )}
      <li>
        <button type="button" className={styles.textButton} onClick={onClear}>
          Clear all
        </button>
      </li>
    </ul>
  );
}
