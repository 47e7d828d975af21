import { type ReactNode, useId } from "react";
import styles from "./ui.module.css";

/** A titled part of a page; `aside` stands to the right of the title. */
export function Card({
  title,
  aside,
  note,
  testId,
  children,
}: {
  title: string;
  aside?: ReactNode;
  note?: ReactNode;
  testId?: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section className={styles.card} aria-labelledby={id} data-testid={testId}>
      <div className={styles.cardHead}>
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div className={styles.cardAside}>{aside}</div>}
      </div>
      {note !== undefined && <p className={styles.note}>{note}</p>}
      {children}
    </section>
  );
}
