import styles from "./charts.module.css";

/** A part of a whole as a bar; decoration beside the number itself. */
export function ShareBar({ part, total, colour = "" }: { part: number; total: number; colour?: string }) {
  const percent = total > 0 ? Math.min(100, Math.max(0, (part / total) * 100)) : 0;
  return (
    <svg className={styles.share} width="100%" height="6" aria-hidden="true">
      <rect className={styles.track} width="100%" height="6" rx="3" />
      <rect className={`${styles.fill} ${colour}`} width={`${percent.toFixed(2)}%`} height="6" rx="3" />
    </svg>
  );
}
