import { ApiError } from "../api/client";
import styles from "./ui.module.css";

/** What failed, in the server's words, and a way to try again. */
export function ErrorNote({ title, error, onRetry }: { title: string; error: Error; onRetry?: () => void }) {
  const code = error instanceof ApiError ? error.code : "unexpected";
  return (
    <div className={styles.error} role="alert">
      <p>
        <strong>{title}.</strong> {error.message} <code>{code}</code>
      </p>
      {onRetry !== undefined && (
        <button type="button" className={styles.button} onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
