//! Ingest, authentication, deduplication, pricing and the query API.
