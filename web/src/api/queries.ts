/** One hook per question to the server. Views call these; components take the answers. */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { type RangeChoice, timeZone, type Window, windowOf } from "../lib/time";
import { ApiError, type Client } from "./client";
import type {
  DeviceList,
  Dimensions,
  EventDetail,
  Filter,
  Me,
  Measure,
  Privacy,
  QueryAnswer,
  QueryRequest,
  SessionDetail,
  SessionPage,
} from "./types";

/** How often a visible page asks again. */
export const REFRESH_MS = 30_000;

/** How often the empty state looks for the first call. */
const FIRST_CALL_POLL_MS = 3_000;

const SESSIONS_PER_PAGE = 50;

const ClientContext = createContext<Client | null>(null);
export const ClientProvider = ClientContext.Provider;

function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("no ClientProvider above this component");
  return client;
}

/** Retries what may pass by itself, never a refusal. */
export function shouldRetry(failures: number, error: unknown): boolean {
  return failures < 2 && error instanceof ApiError && error.isTemporary;
}

export function retryDelay(attempt: number, error: unknown): number {
  const asked = error instanceof ApiError ? error.retryAfterSeconds : null;
  return Math.min(asked === null ? 500 * 2 ** attempt : asked * 1_000, REFRESH_MS);
}

export function useMe() {
  const client = useClient();
  return useQuery({
    queryKey: ["me"],
    queryFn: ({ signal }) => client.get<Me>("/v1/me", {}, signal),
    refetchInterval: (query) => (query.state.data?.first_event_at === null ? FIRST_CALL_POLL_MS : REFRESH_MS),
  });
}

export function useDimensions(choice: RangeChoice) {
  const client = useClient();
  return useQuery({
    queryKey: ["dimensions", choice],
    queryFn: ({ signal }) =>
      client.get<Dimensions>("/v1/dimensions", span(windowOf(choice, new Date())), signal),
    placeholderData: keepPreviousData,
  });
}

/** A question to `/v1/query`; the window is worked out when it is asked, so that "now" moves on. */
export interface Question {
  choice: RangeChoice;
  filters: Filter[];
  measures: Measure[];
  dimension?: string | null;
  bucketed?: boolean;
  compared?: boolean;
  orderBy?: Measure;
  limit?: number;
}

export interface Answered {
  answer: QueryAnswer;
  window: Window;
}

export function useAnswer(question: Question, enabled = true) {
  const client = useClient();
  return useQuery({
    queryKey: ["query", question],
    queryFn: async ({ signal }): Promise<Answered> => {
      const window = windowOf(question.choice, new Date());
      return {
        window,
        answer: await client.post<QueryAnswer>("/v1/query", requestOf(question, window), signal),
      };
    },
    placeholderData: keepPreviousData,
    enabled,
  });
}

export function requestOf(question: Question, window: Window): QueryRequest {
  const { measures, dimension, filters, bucketed, compared, orderBy, limit } = question;
  return {
    measures,
    dimensions: dimension === null || dimension === undefined ? [] : [dimension],
    filters,
    ...span(window),
    time_zone: timeZone(),
    ...(bucketed ? { bucket: window.bucket } : {}),
    ...(compared ? { compare: "previous" as const } : {}),
    ...(orderBy === undefined ? {} : { order_by: orderBy }),
    ...(limit === undefined ? {} : { limit }),
  };
}

export function useSessions(choice: RangeChoice, q: string | undefined, app: string | undefined) {
  const client = useClient();
  return useInfiniteQuery({
    queryKey: ["sessions", choice, q, app],
    queryFn: ({ pageParam, signal }) => {
      const parameters = {
        ...span(windowOf(choice, new Date())),
        q,
        app,
        limit: String(SESSIONS_PER_PAGE),
        cursor: pageParam ?? undefined,
      };
      return client.get<SessionPage>("/v1/sessions", parameters, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export function useSession(sessionId: string, app: string | undefined) {
  const client = useClient();
  return useQuery({
    queryKey: ["session", sessionId, app],
    queryFn: ({ signal }) =>
      client.get<SessionDetail>(`/v1/sessions/${encodeURIComponent(sessionId)}`, { app }, signal),
  });
}

export function useEventDetail(eventId: string, app: string) {
  const client = useClient();
  return useQuery({
    queryKey: ["event", eventId, app],
    queryFn: ({ signal }) =>
      client.get<EventDetail>(`/v1/events/${encodeURIComponent(eventId)}`, { app }, signal),
    refetchInterval: false,
  });
}

export function usePrivacy(choice: RangeChoice) {
  const client = useClient();
  return useQuery({
    queryKey: ["privacy", choice],
    queryFn: async ({ signal }) => {
      const window = windowOf(choice, new Date());
      return { window, privacy: await client.get<Privacy>("/v1/privacy", span(window), signal) };
    },
    placeholderData: keepPreviousData,
  });
}

export function useDevices() {
  const client = useClient();
  return useQuery({
    queryKey: ["devices"],
    queryFn: ({ signal }) => client.get<DeviceList>("/v1/devices", {}, signal),
  });
}

function span(window: Window): { from: string; to: string } {
  return { from: window.from.toISOString(), to: window.to.toISOString() };
}
