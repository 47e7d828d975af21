import { useState } from "react";
import styles from "./ui.module.css";

/** A piece of code with a button that copies it. */
export function Copyable({ code, label }: { code: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      setCopied(true);
    } catch {
      // Without permission the text can still be selected by hand.
      setCopied(false);
    }
  };
  return (
    <div className={styles.copyable}>
      <div className={styles.copyHead}>
        <span>{label}</span>
        <button type="button" className={styles.button} onClick={() => void copy()} aria-live="polite">
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}
