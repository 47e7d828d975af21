/**
 * A Vite plugin that answers `/v1/*` from the sample, with the headers that the real server sends.
 *
 * Keys: `msr_sample` sees the sample, `msr_empty` an org without data; any other is refused.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin, PreviewServer, ViteDevServer } from "vite";
import type { QueryRequest } from "../src/api/types";
import * as api from "./fixture-api";
import { makeSample, type Sample } from "./sample";

const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

export function fixtureServer(): Plugin {
  const samples: Record<string, Sample | undefined> = {
    msr_sample: makeSample(new Date()),
    msr_empty: { events: [], segments: new Map(), toolCalls: new Map() },
  };
  const install = (server: ViteDevServer | PreviewServer, policy: boolean) => {
    server.middlewares.use((request, response, next) => {
      if (policy) response.setHeader("Content-Security-Policy", CONTENT_SECURITY_POLICY);
      if (!request.url?.startsWith("/v1/")) return next();
      const sample = samples[(request.headers.authorization ?? "").replace("Bearer ", "")];
      if (sample === undefined)
        return send(response, 401, {
          error: "unauthorized",
          message:
            "this key is unknown, revoked or expired; make one with `modelstat keys create --scope read`",
        });
      readBody(request).then(
        (body) => answer(sample, new URL(request.url ?? "", "http://localhost"), body, response),
        next,
      );
    });
  };
  return {
    name: "modelstat-fixture-server",
    // The dev server injects inline styles, so only the preview of the build carries the policy.
    configureServer: (server) => install(server, false),
    configurePreviewServer: (server) => install(server, true),
  };
}

function answer(sample: Sample, url: URL, body: string, response: ServerResponse): void {
  const [, , kind, id] = url.pathname.split("/");
  const parameters = url.searchParams;
  const found = (value: unknown) =>
    value === null
      ? send(response, 404, { error: "not_found", message: `no ${kind} with this id` })
      : send(response, 200, value);
  if (kind === "me") found(api.me(sample));
  else if (kind === "dimensions") found(api.dimensions());
  else if (kind === "query") found(queryInZone(sample, JSON.parse(body) as QueryRequest));
  else if (kind === "sessions" && id === undefined) found(api.sessions(sample, parameters));
  else if (kind === "sessions")
    found(api.session(sample, decodeURIComponent(id ?? ""), parameters.get("app")));
  else if (kind === "events") found(api.event(sample, decodeURIComponent(id ?? "")));
  else if (kind === "devices") found(api.devices(sample));
  else if (kind === "privacy")
    found(api.privacy(sample, parameters.get("from") ?? "", parameters.get("to") ?? ""));
  else found(null);
}

/** Bucket edges lie in the asker's time zone; this process has no other business with the time of day. */
function queryInZone(sample: Sample, request: QueryRequest) {
  process.env.TZ = request.time_zone;
  return api.query(sample, request);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
