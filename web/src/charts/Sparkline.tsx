import styles from "./charts.module.css";
import { sparklinePath } from "./stack";

const SIZE = { width: 88, height: 22 };

/** The shape of a number over the range; decoration beside the number itself. */
export function Sparkline({ values }: { values: (number | null)[] }) {
  return (
    <svg
      className={styles.sparkline}
      viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
      width={SIZE.width}
      height={SIZE.height}
      aria-hidden="true"
    >
      <path d={sparklinePath(values, SIZE)} />
    </svg>
  );
}
