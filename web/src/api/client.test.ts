import { describe, expect, it } from "vitest";
import { type ApiError, createClient } from "./client";
import { retryDelay, shouldRetry } from "./queries";

async function failure(send: typeof fetch): Promise<ApiError> {
  return createClient("msr_sample", send)
    .get("/v1/me", {})
    .then(
      () => expect.fail("it should have failed"),
      (error: unknown) => error as ApiError,
    );
}

describe("createClient", () => {
  it("sends the key and leaves out what is undefined", async () => {
    const seen: [unknown, RequestInit | undefined][] = [];
    const send: typeof fetch = async (target, init) => {
      seen.push([target, init]);
      return new Response("{}");
    };
    await createClient("msr_sample", send).get("/v1/sessions", { q: "a b&c", app: undefined });
    expect(seen[0]?.[0]).toBe("/v1/sessions?q=a+b%26c");
    expect(new Headers(seen[0]?.[1]?.headers).get("Authorization")).toBe("Bearer msr_sample");
  });

  it("passes on what the server says", async () => {
    const error = await failure(
      async () =>
        new Response('{"error": "unavailable", "message": "the ledger is reopening"}', {
          status: 503,
          headers: { "Retry-After": "7" },
        }),
    );
    expect(error).toMatchObject({
      status: 503,
      code: "unavailable",
      message: "the ledger is reopening",
      retryAfterSeconds: 7,
      isTemporary: true,
      isAboutKey: false,
    });
    expect([shouldRetry(0, error), shouldRetry(2, error), retryDelay(0, error)]).toEqual([
      true,
      false,
      7_000,
    ]);
  });

  it("says something useful about an answer that is no JSON", async () => {
    const error = await failure(async () => new Response("<html>", { status: 401 }));
    expect(error).toMatchObject({ code: "http_401", isAboutKey: true });
    expect(shouldRetry(0, error)).toBe(false);
  });

  it("names the remedy when nothing answers", async () => {
    const error = await failure(() => Promise.reject(new TypeError("failed to fetch")));
    expect(error).toMatchObject({ status: 0, code: "unreachable" });
    expect(error.message).toContain("modelstat up");
  });
});
