import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type RouterHistory, RouterProvider } from "@tanstack/react-router";
import { useMemo, useSyncExternalStore } from "react";
import { ApiError, createClient } from "./api/client";
import { ClientProvider, REFRESH_MS, retryDelay, shouldRetry } from "./api/queries";
import type { KeyStore } from "./lib/key";
import { createAppRouter } from "./routes";
import { AskForKey } from "./views/key/View";

/** The whole dashboard: the key page without a key, else the routes with a client for this key. */
export function App({ keys, history }: { keys: KeyStore; history: RouterHistory }) {
  const { key, refusal } = useSyncExternalStore(keys.subscribe, keys.state);
  const router = useMemo(() => createAppRouter(history), [history]);
  if (key === null) return <AskForKey refusal={refusal} onKey={(entered) => keys.use(entered)} />;
  // The key names the org: another key starts with empty caches.
  return <SignedIn key={key} apiKey={key} keys={keys} router={router} />;
}

interface SignedInProps {
  apiKey: string;
  keys: KeyStore;
  router: ReturnType<typeof createAppRouter>;
}

function SignedIn({ apiKey, keys, router }: SignedInProps) {
  const client = useMemo(() => createClient(apiKey), [apiKey]);
  const queries = useMemo(() => {
    const onError = (error: unknown) => {
      if (error instanceof ApiError && error.isAboutKey) keys.refuse(apiKey, error.message);
    };
    return new QueryClient({
      queryCache: new QueryCache({ onError }),
      defaultOptions: {
        queries: { retry: shouldRetry, retryDelay, refetchInterval: REFRESH_MS, staleTime: 5_000 },
      },
    });
  }, [apiKey, keys]);
  return (
    <ClientProvider value={client}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </ClientProvider>
  );
}
