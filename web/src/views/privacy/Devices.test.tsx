// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { DeviceList } from "../../api/types";
import { fixture, openDashboard } from "../../test/app";

const list = fixture<DeviceList>("devices");

const answering =
  (reply: { status: number; body: unknown }) =>
  ({ path }: { path: string }) =>
    path === "/v1/devices" ? reply : undefined;

describe("registered devices", () => {
  it("lists each with what it said last", async () => {
    openDashboard("/privacy");
    const card = await screen.findByTestId("privacy-devices");
    const rows = within(await within(card).findByRole("table"))
      .getAllByRole("row")
      .slice(1);
    expect(rows.map((row) => row.querySelector("code")?.textContent)).toEqual(
      list.devices.map((device) => device.device_id),
    );
    expect(rows.map((row) => row.children[1]?.textContent)).toEqual([
      "idle",
      "offline",
      "revoked",
      "not heard of yet",
    ]);
    expect(rows[0]?.textContent).toContain("linux 6.1.0 x86_64");
    expect(rows[1]?.textContent).toContain("build-7");
  });

  it("says how to register the first one", async () => {
    openDashboard("/privacy", answering({ status: 200, body: { devices: [] } }));
    const card = await screen.findByTestId("privacy-devices");
    expect(await within(card).findByText("modelstat daemon --register")).toBeTruthy();
  });

  it("says what failed, and leaves the rest of the page", async () => {
    openDashboard("/privacy", answering({ status: 400, body: { error: "x", message: "no devices here" } }));
    const card = await screen.findByTestId("privacy-devices");
    expect((await within(card).findByRole("alert")).textContent).toContain("no devices here");
    expect(await screen.findByTestId("privacy-findings")).toBeTruthy();
  });
});
