// The overview: totals, series, breakdown, table, filter.
import { amount, eventually, number, same, sameList } from "./check.mjs";

export async function walkOverview({ page, scheme, address, ask, lastQuery, step, shot, isAccessible }) {
  const chart = page.getByTestId("chart-spend");

  await step("opens with the key and hides it", async () => {
    await page.goto(address);
    await page.getByTestId("stat-spend").locator("dd[title]").first().waitFor();
    same(new URL(page.url()).hash, "", "fragment");
    same(await isLight(page), scheme === "light", "the page is lighter than its text");
  });
  await step("shows the totals of the API", () => totalsMatch());
  await step("draws the series of the API", () => seriesMatch("model"));
  await step("keeps to one heading, named controls and captioned tables", () => isAccessible());
  await shot("overview");

  await step("breaks down by another dimension", async () => {
    await page.getByRole("combobox", { name: "Break down by" }).selectOption("app");
    await page.waitForURL(/by=app/);
    await seriesMatch("app");
  });
  await step("shows the same numbers as a table", async () => {
    await page.getByRole("button", { name: "View as table" }).click();
    await eventually(async () => {
      const answer = await ask("/v1/query", lastQuery(bySeries("app")));
      same(await chart.locator("thead th").count(), seriesNames(answer).length + 1, "columns");
    });
    await page.getByRole("button", { name: "View as chart" }).click();
  });
  await step("filters by the first model", async () => {
    const button = page.getByTestId("top-models").locator("tbody button").first();
    const model = (await button.textContent()) ?? "";
    await button.click();
    await page.getByRole("button", { name: `Remove the filter model ${model}` }).waitFor();
    await page.waitForURL(/filters=/);
    await totalsMatch((body) => body.filters.some((filter) => filter.values.includes(model)));
  });
  await shot("filtered");
  await step("removes the filter", async () => {
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.waitForURL((url) => !url.search.includes("filters="));
    await totalsMatch((body) => body.filters.length === 0);
  });

  /** The tiles against the answer to the page's own question. */
  function totalsMatch(matches = () => true) {
    return eventually(async () => {
      const asked = lastQuery((body) => body.compare === "previous" && matches(body));
      const { totals } = await ask("/v1/query", asked);
      const tile = (name) => page.getByTestId(name).locator("dd[title]").first().getAttribute("title");
      same(amount(await tile("stat-spend")), amount(totals.cost), "spend");
      same(number(await tile("stat-tokens")), totals["tokens.total"], "tokens");
      same(number(await tile("stat-calls")), totals.calls, "calls");
      same(number(await tile("stat-sessions")), totals.sessions, "sessions");
      same(number(await tile("stat-errors")), totals.errors, "errors");
    });
  }

  /** The legend and the bars against the answer to the page's own question. */
  function seriesMatch(dimension) {
    return eventually(async () => {
      const answer = await ask("/v1/query", lastQuery(bySeries(dimension)));
      await chart.getByRole("img", { name: new RegExp(`by ${dimension}`) }).waitFor();
      const shown = await chart.locator("table tbody th").allTextContents();
      sameList(shown.sort(), seriesNames(answer).sort(), "series");
      const cells = [...answer.rows, ...answer.other].filter((row) => Number(row[2]) > 0);
      same(await chart.locator('[data-part="bar"]').count(), cells.length, "bars");
    });
  }
}

function bySeries(dimension) {
  return (body) => body.bucket !== undefined && body.dimensions[0] === dimension;
}

function seriesNames(answer) {
  const values = new Set(answer.rows.map((row) => row[1] ?? "not set"));
  return [...values, ...(answer.other.length > 0 ? ["everything else"] : [])];
}

function isLight(page) {
  return page.evaluate(() => {
    const { backgroundColor, color } = getComputedStyle(document.body);
    const [background, ink] = [backgroundColor, color].map((value) =>
      Number(/oklch\(([\d.]+)/.exec(value)?.[1]),
    );
    return background > ink;
  });
}
