import { colourOf } from "./colour";
import styles from "./ui.module.css";

/** A value of a dimension with its colour beside it. */
export function Dot({ dimension, value }: { dimension: string; value: string }) {
  return <span className={`${styles.dot} ${colourOf(dimension, value)}`}>{value}</span>;
}
