// @vitest-environment jsdom
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { QueryAnswer } from "../../api/types";
import { exactMoney, money } from "../../lib/format";
import { fixture, openDashboard } from "../../test/app";

const totals = fixture<QueryAnswer>("query-totals");

describe("overview", () => {
  it("shows the six numbers of the answer, money exact in the title", async () => {
    openDashboard("/");
    const spend = await screen.findByTestId("stat-spend");
    const cost = String(totals.totals.cost);
    await waitFor(() => expect(within(spend).getByText(money(cost)).title).toBe(exactMoney(cost)));
    expect(screen.getByTestId("stat-calls").textContent).toContain(String(totals.totals.calls));
    expect(screen.getByTestId("stat-sessions").textContent).toContain(String(totals.totals.sessions));
    expect(screen.getByTestId("stat-errors").textContent).toContain(String(totals.totals.errors));
    expect(screen.getByTestId("stat-tokens").textContent).toContain("cached");
    expect(screen.getByTestId("stat-latency").textContent).toContain("median");
  });

  it("says what unpriced calls are, never $0", async () => {
    openDashboard("/");
    expect((await screen.findByText(/unpriced calls$/)).textContent).toBe(
      `${totals.totals.unpriced_calls} unpriced calls`,
    );
    expect(screen.getByText(/they aren’t counted as \$0/)).toBeTruthy();
  });

  it("shows a dash when nothing is priced and names an incomparable period", async () => {
    openDashboard("/", ({ path, body }) => {
      if (path !== "/v1/query" || ((body?.dimensions ?? []) as string[]).length > 0) return undefined;
      return {
        status: 200,
        body: {
          ...totals,
          totals: { ...totals.totals, cost: null },
          previous: { from: "", to: "", totals: { calls: 0, cost: "1.0" } },
        },
      };
    });
    const spend = await screen.findByTestId("stat-spend");
    await waitFor(() => expect(within(spend).getByTitle("not priced").textContent).toBe("–"));
    expect(within(spend).getByText("no comparison")).toBeTruthy();
    expect(within(screen.getByTestId("stat-calls")).getByText("new")).toBeTruthy();
  });

  it("asks with the time zone, the range and the key", async () => {
    const { asked } = openDashboard("/?range=30d");
    await screen.findByTestId("top-models");
    await waitFor(() => expect(asked.some((request) => request.path === "/v1/query")).toBe(true));
    const request = asked.find(({ body }) => body?.compare === "previous");
    expect(request?.authorization).toBe("Bearer msr_sample");
    expect(request?.body).toMatchObject({
      from: "2026-05-18T22:00:00.000Z",
      to: "2026-06-17T15:21:00.000Z",
      bucket: "day",
      time_zone: "Europe/Berlin",
    });
  });

  it("filters by the row that is clicked, in the address and in the questions", async () => {
    const user = userEvent.setup();
    const { asked, history } = openDashboard("/");
    const models = await screen.findByTestId("top-models");
    await user.click(await within(models).findByRole("button", { name: "gpt-4o" }));
    expect(await screen.findByRole("button", { name: "Remove the filter model gpt-4o" })).toBeTruthy();
    expect(decodeURIComponent(history.location.search)).toContain(
      '"dimension":"model","op":"in","values":["gpt-4o"]',
    );
    await waitFor(() =>
      expect(asked.at(-1)?.body?.filters).toEqual([{ dimension: "model", op: "in", values: ["gpt-4o"] }]),
    );
    await user.click(screen.getByRole("button", { name: "Remove the filter model gpt-4o" }));
    await waitFor(() => expect(screen.queryByText("gpt-4o", { selector: "strong" })).toBeNull());
    expect(history.location.search).not.toContain("filters");
  });

  it("switches the dimension and shows the same numbers as a table", async () => {
    const user = userEvent.setup();
    const { history } = openDashboard("/");
    const chart = await screen.findByTestId("chart-spend");
    await user.selectOptions(await within(chart).findByRole("combobox", { name: "Break down by" }), "app");
    await within(chart).findByRole("img", { name: /by app/ });
    await user.click(within(chart).getByRole("button", { name: "View as table" }));
    const table = await within(chart).findByRole("table", { name: /per day by app/ });
    expect(history.location.search).toContain("by=app");
    const series = fixture<QueryAnswer>("query-series-app");
    const [, app, cost] = series.rows[0] ?? [];
    const column = within(table)
      .getAllByRole("columnheader")
      .findIndex((header) => header.textContent === app);
    const cells = within(table)
      .getAllByRole("row")
      .slice(1)
      .map((row) => row.children[column]?.textContent);
    expect(cells).toContain(money(String(cost)));
    expect(within(table).getAllByRole("row")).toHaveLength(8);
  });

  it("reads the chart out with the arrow keys", async () => {
    const user = userEvent.setup();
    openDashboard("/");
    const plot = await screen.findByRole("application");
    plot.focus();
    await user.keyboard("{ArrowLeft}");
    expect(await screen.findByText("Wed 17 Jun")).toBeTruthy();
    await user.keyboard("{ArrowLeft}");
    expect(await screen.findByText("Tue 16 Jun")).toBeTruthy();
    await user.keyboard("{Escape}");
    expect(screen.queryByText("Tue 16 Jun")).toBeNull();
  });

  it("teaches metadata to an org that has none", async () => {
    openDashboard("/", ({ path }) =>
      path === "/v1/dimensions" ? { status: 200, body: { dimensions: [], metadata_keys: [] } } : undefined,
    );
    expect(await screen.findByText(/with_metadata/)).toBeTruthy();
  });

  it("says what failed and tries again", async () => {
    const user = userEvent.setup();
    let broken = true;
    openDashboard("/", ({ path }) =>
      broken && path === "/v1/query"
        ? { status: 400, body: { error: "invalid_query", message: "the range is too long" } }
        : undefined,
    );
    const note = (await screen.findAllByRole("alert"))[0];
    expect(note?.textContent).toContain("the range is too long");
    expect(screen.getAllByText("This list could not be loaded.").length).toBeGreaterThan(0);
    broken = false;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(screen.getByTestId("stat-spend").textContent).toContain("$"));
  });

  it("refuses nonsense in the address", async () => {
    const { asked } = openDashboard('/?range=forever&by=password&filters=[{"dimension":"x","values":[1]}]');
    await screen.findByRole("img", { name: /by model/ });
    expect(asked.every(({ body }) => body === null || JSON.stringify(body.filters) === "[]")).toBe(true);
  });
});
