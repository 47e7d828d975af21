// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { Privacy } from "../../api/types";
import { counted } from "../../lib/format";
import { fixture, openDashboard } from "../../test/app";
import { balanceOf } from "./Reported";

const privacy = fixture<Privacy>("privacy");

const answering =
  (change: Partial<Privacy>) =>
  ({ path }: { path: string }) =>
    path === "/v1/privacy" ? { status: 200, body: { ...privacy, ...change } } : undefined;

describe("privacy", () => {
  it("says in one paragraph what left the machines", async () => {
    openDashboard("/privacy");
    const page = await screen.findByTestId("privacy-page");
    expect(await within(page).findByText("and no excerpt of any prompt or answer.")).toBeTruthy();
    const events = privacy.received.reduce((sum, producer) => sum + producer.events, 0);
    expect(within(page).getByText(counted(events, "event"))).toBeTruthy();
    expect(within(page).getByText(counted(privacy.text.abstracts, "abstract"))).toBeTruthy();
  });

  it("says how many whole turns wait for their abstract, and for how long at most", async () => {
    openDashboard("/privacy");
    const row = (await screen.findByText("Waiting turns")).closest("tr");
    expect(row?.textContent).toContain(`at most 24 hours`);
    expect(row?.lastElementChild?.textContent).toContain(String(privacy.waiting_text.turns));
  });

  it("lists findings by rule, most frequent first", async () => {
    openDashboard("/privacy");
    const table = within(await screen.findByTestId("privacy-findings")).getByRole("table");
    const rows = within(table).getAllByRole("row").slice(1);
    const sorted = [...privacy.findings].sort((left, right) => right.count - left.count);
    expect(rows.map((row) => row.firstElementChild?.textContent)).toEqual(
      sorted.map((finding) => finding.rule.replaceAll("_", " ")),
    );
    expect(rows.filter((row) => row.dataset.class === "secret").length).toBeGreaterThan(0);
    expect(screen.getByTestId("privacy-findings").textContent).toContain("Floor version in use: 1.");
  });

  it("shows every outcome with its reason", async () => {
    openDashboard("/privacy");
    const outcomes = await screen.findByTestId("privacy-outcomes");
    for (const { reason, outcome } of privacy.outcomes) {
      expect(outcomes.textContent).toContain(outcome.replaceAll("_", " "));
      if (reason !== null) expect(outcomes.textContent).toContain(reason);
    }
  });

  it("balances the producers' own counters and never rounds a loss away", async () => {
    openDashboard(
      "/privacy",
      answering({
        reported: [
          { instance_id: "ins_1", app: "a", recorded: 100_000, sent: 99_998, dropped: { queue_full: 2 } },
        ],
      }),
    );
    expect((await screen.findByTestId("privacy-completeness")).textContent).toContain("99.998 % complete");
    expect(screen.getByText("queue full 2")).toBeTruthy();
    expect(balanceOf({ recorded: 10, sent: 6, dropped: { queue_full: 1 } })).toEqual({
      recorded: 10,
      sent: 6,
      dropped: 1,
      waiting: 3,
    });
  });

  it("shows the devices that signed, and counts receipts that prove nothing", async () => {
    openDashboard("/privacy");
    const card = await screen.findByTestId("privacy-receipts");
    const rows = within(within(card).getByRole("table")).getAllByRole("row").slice(1);
    expect(rows.map((row) => row.firstElementChild?.textContent)).toEqual(
      privacy.receipts.devices.map((device) => device.device),
    );
    expect(rows.map((row) => row.children[1]?.textContent)).toEqual(
      privacy.receipts.devices.map((device) => device.device_id ?? "not registered"),
    );
    expect(card.textContent).toContain("Not valid: 1 receipt (about another body)");
  });

  it("says so when nothing is signed", async () => {
    const none = { valid: 0, invalid: {}, dropped: 0, newest_at: null, known_devices: 0, devices: [] };
    openDashboard("/privacy", answering({ receipts: none }));
    expect((await screen.findByTestId("privacy-receipts")).textContent).toContain("No daemon has signed");
  });

  it("warns when excerpts are kept", async () => {
    openDashboard("/privacy", answering({ text: { ...privacy.text, excerpts: 4, excerpt_chars: 900 } }));
    expect(await screen.findByText("4 redacted excerpts")).toBeTruthy();
  });

  it("warns when an engine takes text to another machine", async () => {
    const warning =
      "the engine at gpu.example:443/v1 is on another machine: redacted text of turns leaves for it";
    openDashboard("/privacy", answering({ warnings: [warning] }));
    expect(await screen.findByText(`On this server, ${warning}.`)).toBeTruthy();
  });

  it("says so when nothing arrived", async () => {
    openDashboard(
      "/privacy",
      answering({ received: [], findings: [], outcomes: [], reported: [], floor_versions: [] }),
    );
    expect((await screen.findAllByText(/Nothing arrived in this range/)).length).toBe(2);
    expect(screen.getByText("Nothing was found in this range.")).toBeTruthy();
  });

  it("says what failed", async () => {
    openDashboard("/privacy", ({ path }) =>
      path === "/v1/privacy"
        ? { status: 400, body: { error: "invalid_query", message: "from: not a time" } }
        : undefined,
    );
    expect((await screen.findByRole("alert")).textContent).toContain("from: not a time");
  });
});
