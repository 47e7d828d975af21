//! Loopback ingest, durable spool, abstracts, egress ledger and shipper.
