// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { EventDetail, SessionDetail } from "../../api/types";
import { exactMoney, money } from "../../lib/format";
import { fixture, openDashboard } from "../../test/app";

const detail = fixture<SessionDetail>("session");
const url = `/sessions/${detail.session.session_id}?app=${detail.session.app}`;

const withSession =
  (change: Partial<SessionDetail>) =>
  ({ path }: { path: string }) =>
    path.startsWith("/v1/sessions/") ? { status: 200, body: { ...detail, ...change } } : undefined;

describe("session", () => {
  it("shows totals, abstracts, calls and tool calls", async () => {
    const { asked } = openDashboard(url);
    const page = await screen.findByTestId("session-page");
    expect(within(page).getByRole("heading", { level: 1 }).textContent).toBe(detail.session.title);
    expect(screen.getByTestId("session-segments").textContent).toContain(detail.segments[0]?.abstract);
    expect(screen.getAllByTestId("call-row").map((row) => row.dataset.event)).toEqual(
      detail.events.map((event) => event.source_event_id),
    );
    expect(within(page).getByRole("table", { name: /Tool calls/ }).textContent).toContain(
      detail.tool_calls[0]?.name,
    );
    expect(asked.find(({ path }) => path.startsWith("/v1/sessions/"))?.parameters.get("app")).toBe(
      detail.session.app,
    );
    expect(within(page).getAllByText(money(detail.session.cost)).length).toBeGreaterThan(0);
  });

  it("opens a call to its cost lines and closes it again", async () => {
    const user = userEvent.setup();
    openDashboard(url);
    const toggle = within((await screen.findAllByTestId("call-row"))[0] as HTMLElement).getByRole("button");
    await user.click(toggle);
    expect(toggle.getAttribute("aria-expanded")).toBe("true");
    const event = fixture<EventDetail>("event");
    const lines = await screen.findByTestId("cost-lines");
    expect(lines.textContent).toContain(exactMoney(event.cost_lines[0]?.amount));
    expect(screen.getByTestId("call-details").textContent).toContain(event.event.price_id);
    await user.click(toggle);
    expect(screen.queryByTestId("call-details")).toBeNull();
  });

  it("explains an unpriced call, shows the excerpt that is stored and what was taken out", async () => {
    const user = userEvent.setup();
    const first = {
      ...detail.events[0],
      cost: null,
      unpriced_reason: "unknown_model",
      content_excerpt: "a redacted excerpt",
      redactions: { email: 2 },
      error: { type: "rate_limit", status: 429 },
    };
    openDashboard(url, ({ path }) => {
      if (path.startsWith("/v1/events/"))
        return { status: 200, body: { event: first, cost_lines: [], tool_calls: [] } };
      return withSession({ events: [first as SessionDetail["events"][number]] })({ path });
    });
    const row = await screen.findByTestId("call-row");
    expect(row.textContent).toContain("unpriced");
    expect(row.textContent).toContain("rate_limit 429");
    await user.click(within(row).getByRole("button"));
    expect(await screen.findByText(/unknown model/)).toBeTruthy();
    expect(screen.getByText("a redacted excerpt")).toBeTruthy();
    expect(screen.getByText("2 × email taken out")).toBeTruthy();
  });

  it("says what a session without abstracts or with too many calls is missing", async () => {
    openDashboard(url, withSession({ segments: [], tool_calls: [], truncated: true }));
    expect(await screen.findByText(/No abstract yet/)).toBeTruthy();
    expect(screen.getByText(/are listed; the totals above count all/)).toBeTruthy();
  });

  it("says what wrote an abstract, and why another engine did not", async () => {
    const first = detail.segments[0] as SessionDetail["segments"][number];
    const sha256 = "6f85a640a97cf2bf5b8e764087b1e83da0fdb51d7c9fab7d0fece9385611df83";
    const written = {
      ...first,
      engine: "http",
      engine_version: "qwen3",
      model_sha256: sha256,
      prompt_version: "2",
      fallback_reason: "llama.timeout",
    };
    openDashboard(url, withSession({ segments: [written] }));
    const by = await screen.findByText("written by http qwen3");
    expect(by.title).toBe(`version qwen3, prompt 2, model sha256 ${sha256}`);
    expect(screen.getByText("llama took too long")).toBeTruthy();
  });

  it("says when there is no such session", async () => {
    openDashboard("/sessions/sess_none", ({ path }) =>
      path.startsWith("/v1/sessions/")
        ? { status: 404, body: { error: "not_found", message: "no session with this id" } }
        : undefined,
    );
    expect((await screen.findByRole("alert")).textContent).toContain("no session with this id");
    expect(screen.getByRole("link", { name: "← Sessions" })).toBeTruthy();
  });

  it("sends an id with slashes and spaces as one part of the path", async () => {
    const { asked } = openDashboard(`/sessions/${encodeURIComponent("a/b c")}`);
    await screen.findByTestId("session-page");
    expect(asked.some(({ path }) => path === "/v1/sessions/a%2Fb%20c")).toBe(true);
  });
});
