// @vitest-environment jsdom
import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { fixture, openDashboard } from "./test/app";
import { curlSnippet, pythonSnippet } from "./views/empty/snippets";

const refused = {
  status: 401,
  body: { error: "unauthorized", message: "this key is unknown, revoked or expired" },
};

describe("the key", () => {
  it("is asked for when there is none, and a pasted one opens the dashboard", async () => {
    const user = userEvent.setup();
    const { asked, storage } = openDashboard("/", undefined, null);
    expect(screen.getByText(/modelstat keys create --scope read/)).toBeTruthy();
    expect(asked).toEqual([]);
    await user.type(screen.getByLabelText("Read key"), "http://127.0.0.1:4320/#key=msr_pasted{Enter}");
    await screen.findByTestId("stat-spend");
    expect(storage.get("modelstat.key")).toBe("msr_pasted");
    expect(asked[0]?.authorization).toBe("Bearer msr_pasted");
  });

  it("is asked for again when the server refuses it, and is not kept", async () => {
    const { storage } = openDashboard("/", () => refused);
    expect((await screen.findByRole("alert")).textContent).toBe(refused.body.message);
    expect(storage.size).toBe(0);
  });

  it("is asked for when it lacks the scope", async () => {
    openDashboard("/", () => ({
      status: 403,
      body: { error: "forbidden", message: "this key lacks the scope read" },
    }));
    expect((await screen.findByRole("alert")).textContent).toContain("lacks the scope read");
  });

  it("is replaced by the key of a second address, with nothing kept from the first", async () => {
    const { asked, keys } = openDashboard("/");
    await screen.findByTestId("stat-spend");
    act(() => keys.use("msr_second"));
    await waitFor(() => expect(asked.at(-1)?.authorization).toBe("Bearer msr_second"));
    expect(
      asked.filter(({ path, authorization }) => path === "/v1/me" && authorization === "Bearer msr_second"),
    ).toHaveLength(1);
  });
});

describe("the shell", () => {
  it("shows the empty state until the first call arrives", async () => {
    let arrived = false;
    const { asked } = openDashboard("/", ({ path }) =>
      path === "/v1/me" && !arrived ? { status: 200, body: fixture("me-empty") } : undefined,
    );
    const empty = await screen.findByTestId("empty-state");
    expect(empty.textContent).toContain("pip install modelstat-sdk");
    expect(asked.every(({ path }) => path === "/v1/me")).toBe(true);
    arrived = true;
    await screen.findByTestId("stat-spend", {}, { timeout: 5_000 });
    expect(screen.queryByTestId("empty-state")).toBeNull();
  });

  it("names the page that is not there", async () => {
    openDashboard("/nowhere");
    expect(await screen.findByRole("heading", { name: "There is no page here" })).toBeTruthy();
  });

  it("carries range and filters from page to page", async () => {
    const user = userEvent.setup();
    const filters = JSON.stringify([{ dimension: "app", op: "in", values: ["support-bot"] }]);
    const { history, asked } = openDashboard(`/?range=30d&filters=${encodeURIComponent(filters)}`);
    await screen.findByTestId("stat-spend");
    await user.click(screen.getByRole("link", { name: "Sessions" }));
    await screen.findByTestId("sessions-table");
    expect(history.location.search).toContain("range=30d");
    expect(asked.findLast(({ path }) => path === "/v1/sessions")?.parameters.get("app")).toBe("support-bot");
  });
});

describe("snippets", () => {
  it("name the mode only when the daemon listens elsewhere", () => {
    expect(pythonSnippet("http://127.0.0.1:4319/v1/ingest")).not.toContain("Mode");
    expect(pythonSnippet("http://127.0.0.1:9000/v1/ingest")).toContain(
      'Mode.local_daemon("http://127.0.0.1:9000/v1/ingest")',
    );
    expect(curlSnippet("http://127.0.0.1:9000/v1/ingest")).toContain("curl http://127.0.0.1:9000/v1/ingest");
  });
});
