// @vitest-environment jsdom
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { SessionPage } from "../../api/types";
import { fixture, openDashboard } from "../../test/app";

const page = fixture<SessionPage>("sessions");

describe("sessions", () => {
  it("lists what the server lists, in its order", async () => {
    openDashboard("/sessions");
    const rows = await screen.findAllByTestId("session-row");
    expect(rows.map((row) => row.dataset.session)).toEqual(
      page.sessions.map((session) => session.session_id),
    );
    const first = page.sessions[0];
    expect(rows[0]?.textContent).toContain(first?.title ?? first?.session_id);
    expect(rows[0]?.textContent).toContain(first?.app);
  });

  it("asks for the next page with the cursor", async () => {
    const user = userEvent.setup();
    const { asked } = openDashboard("/sessions", ({ path, parameters }) => {
      if (path !== "/v1/sessions" || parameters.get("cursor") === null) return undefined;
      return {
        status: 200,
        body: { sessions: [{ ...page.sessions[0], session_id: "sess_older" }], next_cursor: null },
      };
    });
    await user.click(await screen.findByRole("button", { name: "Load more" }));
    await waitFor(() => expect(screen.getAllByTestId("session-row")).toHaveLength(page.sessions.length + 1));
    expect(asked.at(-1)?.parameters.get("cursor")).toBe(page.next_cursor);
    expect(screen.queryByRole("button", { name: "Load more" })).toBeNull();
  });

  it("searches and filters through the address", async () => {
    const user = userEvent.setup();
    const { asked, history } = openDashboard("/sessions");
    await user.type(await screen.findByRole("searchbox"), "parcel{Enter}");
    await waitFor(() => expect(history.location.search).toContain("q=parcel"));
    await waitFor(() => expect(asked.some(({ parameters }) => parameters.get("q") === "parcel")).toBe(true));
    await user.selectOptions(await screen.findByRole("combobox", { name: "app" }), "support-bot");
    await waitFor(() =>
      expect(
        asked.some(
          ({ parameters }) => parameters.get("app") === "support-bot" && parameters.get("q") === "parcel",
        ),
      ).toBe(true),
    );
  });

  it("shows cost that is not known as unpriced", async () => {
    const unknown = { ...page.sessions[0], cost: null, unpriced_calls: 3 };
    openDashboard("/sessions", ({ path }) =>
      path === "/v1/sessions" ? { status: 200, body: { sessions: [unknown], next_cursor: null } } : undefined,
    );
    expect(within(await screen.findByTestId("session-row")).getByText("unpriced")).toBeTruthy();
  });

  it("says so when nothing matches and when it fails", async () => {
    const empty = openDashboard("/sessions?q=nothing", ({ path }) =>
      path === "/v1/sessions" ? { status: 200, body: { sessions: [], next_cursor: null } } : undefined,
    );
    expect(await screen.findByText(/No session in this range matches/)).toBeTruthy();
    empty.unmount();
    openDashboard("/sessions", ({ path }) =>
      path === "/v1/sessions"
        ? { status: 400, body: { error: "invalid_query", message: "limit: at most 200" } }
        : undefined,
    );
    expect((await screen.findByRole("alert")).textContent).toContain("limit: at most 200");
  });
});
