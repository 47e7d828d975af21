// The proof of privacy: findings and outcomes against the API.
import { eventually, number, same, sum } from "./check.mjs";

export async function walkPrivacy({ page, ask, askedBy, step, shot, isAccessible }) {
  await step("proves what left the machines", async () => {
    const path = await askedBy("/v1/privacy", () =>
      page.getByRole("link", { name: "Privacy", exact: true }).click(),
    );
    const privacy = await ask(path);
    await page.getByTestId("privacy-outcomes").waitFor();
    await eventually(async () => {
      const findings = await rowsOf("privacy-findings");
      const outcomes = await rowsOf("privacy-outcomes");
      same(findings.length, privacy.findings.length, "findings");
      same(outcomes.length, privacy.outcomes.length, "outcomes");
      same(
        sum(findings.map((cells) => number(cells.at(-1)))),
        total(privacy.findings),
        "sum of the findings",
      );
      same(sum(outcomes.map((cells) => number(cells[3]))), total(privacy.outcomes), "sum of the outcomes");
    });
    await isAccessible();
  });
  await shot("privacy");

  function rowsOf(testId) {
    const rows = page.getByTestId(testId).locator("tbody tr");
    return rows.evaluateAll((elements) =>
      elements.map((element) => [...element.children].map((cell) => cell.textContent)),
    );
  }
}

function total(counted) {
  return sum(counted.map((entry) => entry.count));
}
