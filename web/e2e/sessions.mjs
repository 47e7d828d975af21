// From the list of sessions down to what one call cost.
import { amount, eventually, same, sameList } from "./check.mjs";

export async function walkSessions({ page, ask, askedBy, step, shot, isAccessible }) {
  let session;
  await step("lists the sessions of the API", async () => {
    const path = await askedBy("/v1/sessions", () =>
      page.getByRole("link", { name: "Sessions", exact: true }).click(),
    );
    const listed = await ask(path);
    await eventually(async () => {
      const rows = page.getByTestId("session-row");
      const shown = await rows.evaluateAll((elements) => elements.map((element) => element.dataset.session));
      sameList(
        shown,
        listed.sessions.map((entry) => entry.session_id),
        "sessions",
      );
    });
    session = listed.sessions.find((entry) => Number(entry.cost) > 0) ?? listed.sessions[0];
    await isAccessible();
  });
  await shot("sessions");

  let detail;
  await step("opens a session", async () => {
    const row = page.locator(`[data-testid="session-row"][data-session="${session.session_id}"]`);
    await row.getByRole("link").first().click();
    const shown = page.getByTestId("session-page");
    await shown.waitFor();
    const app = new URLSearchParams({ app: session.app });
    detail = await ask(`/v1/sessions/${encodeURIComponent(session.session_id)}?${app}`);
    same(await page.getByTestId("call-row").count(), detail.events.length, "calls");
    const cost = await shown.locator("dl dd").first().getAttribute("title");
    same(amount(cost), amount(detail.session.cost), "cost");
    const abstracts = (await page.getByTestId("session-segments").textContent()) ?? "";
    for (const segment of detail.segments) {
      same(abstracts.includes(segment.abstract), true, `the abstract of ${segment.segment_id} is shown`);
    }
    await isAccessible();
  });

  await step("opens a call to its cost lines", async () => {
    const call = detail.events.find((event) => Number(event.cost) > 0) ?? detail.events[0];
    await page.locator(`[data-testid="call-row"][data-event="${call.source_event_id}"] button`).click();
    const app = new URLSearchParams({ app: call.app });
    const { event, cost_lines: lines } = await ask(
      `/v1/events/${encodeURIComponent(call.source_event_id)}?${app}`,
    );
    if (event.cost === null) {
      await page.getByTestId("call-details").getByText("Unpriced").waitFor();
      return;
    }
    const table = page.getByTestId("cost-lines");
    await table.waitFor();
    same(await table.locator("tbody tr").count(), lines.length, "cost lines");
    same(amount(await table.locator("tfoot td").textContent()), amount(event.cost), "the total of the lines");
  });
  await shot("session");
}
