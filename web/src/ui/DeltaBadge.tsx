import type { Delta } from "../lib/delta";
import { delta } from "../lib/format";
import styles from "./ui.module.css";

/** Whether more of it is bad; money and volume are neither. */
export type Sense = "neutral" | "more-is-bad";

const WORDS: Record<Delta["kind"], string> = {
  change: "against the period of equal length just before",
  same: "the same as in the period of equal length just before",
  new: "there was nothing in the period just before, so no percentage exists",
  unknown: "one of the two periods has no value to compare",
};

/** The change against the previous period. */
export function DeltaBadge({ change, sense, previous }: { change: Delta; sense: Sense; previous: string }) {
  const tone =
    change.kind !== "change" || sense === "neutral" ? "neutral" : change.ratio > 0 ? "bad" : "good";
  return (
    <span className={styles.delta} data-tone={tone} title={`${WORDS[change.kind]} (${previous})`}>
      {delta(change)}
    </span>
  );
}
