use crate::contract::{ledger::apply, sample};
use crate::*;
use std::time::Instant;
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let f: Vec<&str> = stat.rsplit(')').next().expect("f").split_whitespace().collect();
    (f[11].parse::<f64>().expect("u") + f[12].parse::<f64>().expect("s")) / 100.0
}
#[test]
fn bench_apply() {
    for (drains, size) in [(20usize, 4_000usize), (5, 20_000)] {
        let folder = tempfile::tempdir().expect("a folder");
        let stores =
            EmbeddedStores::open_with(folder.path(), sample::at(0), EmbeddedOptions::default())
                .expect("open");
        let mut dice = sample::Dice::new(9);
        let mut spent = std::time::Duration::ZERO;
        let mut cpus = 0.0;
        let mut last = std::time::Duration::ZERO;
        for d in 0..drains {
            let mut batches = vec![];
            for b in 0..size / 250 {
                let mut batch = sample::batch(Some("app"));
                for e in 0..250 {
                    let mut ev = sample::thrown_event(
                        &mut dice,
                        &format!(
                            "evt_{}",
                            blake3::hash(format!("{d}-{b}-{e}").as_bytes()).to_hex()
                        ),
                        1,
                    );
                    ev.content_excerpt = None;
                    batch.events.push(ev);
                }
                batches
                    .push(sample::applied(0, "org", batch, || sample::thrown_costing(&mut dice)));
            }
            let t = Instant::now();
            let c = cpu();
            let a = apply(&*stores.ledger, batches);
            last = t.elapsed();
            spent += last;
            cpus += cpu() - c;
            assert_eq!(a.accepted as usize, size);
        }
        let n = drains * size;
        println!(
            "apply {size}: {:.0} ev/s avg, last drain {:?}; {:.0} ev/CPU-s",
            n as f64 / spent.as_secs_f64(),
            last,
            n as f64 / cpus
        );
        let t = Instant::now();
        let c = cpu();
        stores.ledger.checkpoint().expect("cp");
        println!("checkpoint {:?} cpu {}", t.elapsed(), cpu() - c);
        let len = std::fs::metadata(folder.path().join("ledger.duckdb")).expect("m").len();
        println!("file {} MB, {} B/event", len / 1_000_000, len / n as u64);
        let range = query::TimeRange { from: sample::at(0), to: sample::at(sample::DAY_MICROS) };
        for (name, measures, dims, buckets) in [
            ("cost by model", vec![Measure::Cost, Measure::Calls], vec![Dimension::Model], 0),
            ("cost by model hour", vec![Measure::Cost, Measure::Calls], vec![Dimension::Model], 24),
            ("cost 2000 buckets", vec![Measure::Cost], vec![], 2000),
            (
                "sessions+p95 by customer",
                vec![Measure::Sessions, Measure::LatencyMs(95)],
                vec![Dimension::Metadata("customer".into())],
                0,
            ),
            ("tool calls", vec![Measure::ToolCalls], vec![Dimension::Agent], 0),
        ] {
            let buckets = (0..buckets)
                .map(|i| Bucket {
                    from: sample::at(sample::DAY_MICROS * i / buckets),
                    to: sample::at(sample::DAY_MICROS * (i + 1) / buckets),
                })
                .collect();
            let q = Query {
                measures,
                dimensions: dims,
                filters: vec![],
                range,
                buckets,
                order_by: 0,
                limit: 5,
            };
            let t = Instant::now();
            let c = cpu();
            stores.ledger.query("empty", &q).expect("q");
            print!("[empty: {:?} cpu {:.3}] ", t.elapsed(), cpu() - c);
            let t = Instant::now();
            let c = cpu();
            let a = stores.ledger.query("org", &q).expect("q");
            println!("{name}: {:?} cpu {} rows {}", t.elapsed(), cpu() - c, a.rows.len());
        }
        let t = Instant::now();
        let p = stores
            .ledger
            .sessions(
                "org",
                &SessionFilter { range, words: vec![], app: None, limit: 50, cursor: None },
            )
            .expect("s");
        println!("sessions: {:?} {}", t.elapsed(), p.sessions.len());
        let t = Instant::now();
        stores.ledger.session("org", None, "session-1", 1000).expect("s");
        println!("session: {:?}", t.elapsed());
    }
}
#[test]
fn bench_inbox() {
    for (events, per) in [(1usize, 300u64), (256, 20)] {
        let folder = tempfile::tempdir().expect("a folder");
        let stores =
            EmbeddedStores::open_with(folder.path(), sample::at(0), EmbeddedOptions::default())
                .expect("open");
        let entries: Vec<Vec<InboxEntry>> = (0..64u64)
            .map(|t| {
                (0..per)
                    .map(|i| {
                        let mut batch = sample::batch(Some("app"));
                        let mut dice = sample::Dice::new(t * 1000 + i);
                        for e in 0..events {
                            batch.events.push(sample::thrown_event(
                                &mut dice,
                                &format!(
                                    "evt_{}",
                                    blake3::hash(format!("{t}-{i}-{e}").as_bytes()).to_hex()
                                ),
                                1,
                            ));
                        }
                        let encoded = modelstat_wire::encode_batch(&batch);
                        InboxEntry {
                            org_id: "org".into(),
                            key_id: "k".into(),
                            received_at: sample::at(0),
                            is_raw: false,
                            request_bytes: 1,
                            batch_id: sample::text(format!("b{t}-{i}")),
                            content_hash: *blake3::hash(&encoded).as_bytes(),
                            events: events as u64,
                            encoded,
                            rejected: vec![],
                            floor_version: "1",
                        }
                    })
                    .collect()
            })
            .collect();
        let bytes: usize = entries.iter().flatten().map(|e| e.encoded.len()).sum();
        let t = Instant::now();
        std::thread::scope(|s| {
            for list in entries {
                let inbox = &stores.inbox;
                s.spawn(move || {
                    for e in list {
                        contract::inbox::commit(&**inbox, e).expect("ok");
                    }
                });
            }
        });
        let n = 64 * per;
        println!(
            "inbox {events}-event: {:.0} commits/s, {:.0} ev/s, {} B/event encoded, depth {:?}",
            n as f64 / t.elapsed().as_secs_f64(),
            n as f64 * events as f64 / t.elapsed().as_secs_f64(),
            bytes / (n as usize * events),
            stores.inbox.depth()
        );
    }
}
