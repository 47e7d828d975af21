import styles from "./ui.module.css";

/** Keeps the room of what is still loading. */
export function Skeleton({ lines, label }: { lines: number; label: string }) {
  return (
    <div className={styles.skeleton} role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className={styles.skeletonLine} />
      ))}
    </div>
  );
}
