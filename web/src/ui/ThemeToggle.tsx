import { useState } from "react";
import { applyTheme, currentTheme, THEMES, type Theme } from "../lib/theme";
import styles from "./ui.module.css";

const NAMES: Record<Theme, string> = { system: "Auto", light: "Light", dark: "Dark" };

const SHAPES: Record<Theme, string> = {
  system: "M8 2.2a5.8 5.8 0 1 0 0 11.6a5.8 5.8 0 0 0 0-11.6M8 2.2v11.6M10.2 3v10M12.2 4.2v7.6",
  light:
    "M8 5a3 3 0 1 0 0 6a3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  dark: "M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z",
};

/** Steps through the colour schemes: what the system says, light, dark. */
export function ThemeToggle() {
  const [theme, setTheme] = useState(currentTheme);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const choose = () => {
    applyTheme(next);
    setTheme(next);
  };
  const label = `Colour scheme: ${NAMES[theme]}. Change to ${NAMES[next]}.`;
  return (
    <button type="button" className={styles.iconButton} onClick={choose} aria-label={label} title={label}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d={SHAPES[theme]} />
      </svg>
    </button>
  );
}
