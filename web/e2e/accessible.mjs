// What a person with a screen reader meets first: one heading, controls with names, tables with captions.
import { same } from "./check.mjs";

export async function isAccessible(page) {
  const faults = await page.evaluate(() => {
    const nameless = [...document.querySelectorAll("button, a, input, select")].filter((element) => {
      const label = element.getAttribute("aria-label") ?? element.textContent ?? "";
      return label.trim() === "" && (element.labels?.length ?? 0) === 0;
    });
    const uncaptioned = [...document.querySelectorAll("table")].filter((table) => table.caption === null);
    const identities = [...document.querySelectorAll("[id]")].map((element) => element.id);
    return [
      ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"]),
      ...(document.querySelectorAll("main").length === 1 ? [] : ["not one main"]),
      ...(new Set(identities).size === identities.length ? [] : ["an id stands twice"]),
      ...nameless.map((element) => `a ${element.tagName} without a name`),
      ...uncaptioned.map(() => "a table without a caption"),
    ];
  });
  same(faults.join("; "), "", "faults");
}
