// Light, dark, or as the system has it.
import { useState } from "preact/hooks";
import { Store } from "./service/store";

type Theme = "system" | "light" | "dark";

const NAME = "tickgraph.theme";

/** Rises when colours change: what draws on a canvas draws again. */
export const repaint = new Store(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint.set(repaint.value + 1));

/** A colour of the style sheet as it is in the theme of now: a canvas cannot follow variables. */
export function colourOf(name: string, element: HTMLElement): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>((document.documentElement.dataset.theme as Theme) ?? "system");
  const choose = (next: Theme) => {
    setTheme(next);
    if (next === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem(NAME);
    } else {
      document.documentElement.dataset.theme = next;
      localStorage.setItem(NAME, next);
    }
    repaint.set(repaint.value + 1);
  };
  return (
    <select
      class="theme"
      aria-label="Theme"
      value={theme}
      onChange={(event) => choose(event.currentTarget.value as Theme)}
    >
      <option value="system">System</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}
