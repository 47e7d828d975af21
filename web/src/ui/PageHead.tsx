import type { ReactNode } from "react";
import styles from "./ui.module.css";

/** The page's name on the left, what steers it on the right. */
export function PageHead({
  title,
  below,
  children,
}: {
  title: ReactNode;
  below?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className={styles.pageHead}>
      <div className={styles.pageTitle}>
        <h1>{title}</h1>
        {below !== undefined && <div className={styles.below}>{below}</div>}
      </div>
      <div className={styles.steer}>{children}</div>
    </div>
  );
}
