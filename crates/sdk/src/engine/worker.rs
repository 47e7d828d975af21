//! The one thread that makes batches and sends them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::delivery::Delivery;
use super::live::{Live, random};
use super::making::Maker;
use super::outcome::Counters;
use super::tickets::Orders;
use super::{Convert, DropReason, Item, Notice, Transport};
use crate::config::Config;

/// The shortest wait between two looks at the queue.
const SHORTEST_POLL: Duration = Duration::from_millis(50);
/// A worker that panics more often than this ends.
const MAX_PANICS: u32 = 100;
/// Two notices of one kind are at least so far apart.
const NOTICE_INTERVAL: Duration = Duration::from_mins(1);

/// What the worker is to do after a turn.
#[derive(Debug)]
enum Turn {
    Wait(Duration),
    Stop,
}

/// The worker's own state.
pub(crate) struct Work<T: Item> {
    maker: Maker<T>,
    delivery: Delivery,
    /// Flushes under way, each with how many items must have an outcome.
    flushes: VecDeque<(u64, u64)>,
    noted: u64,
    poll: Duration,
    panics: u32,
    has_abandoned: bool,
    notices: Notices,
}

impl<T: Item> Work<T> {
    pub(crate) fn new(
        config: Arc<Config>,
        transport: Box<dyn Transport>,
        convert: Box<dyn Convert<T>>,
    ) -> Self {
        Self {
            maker: Maker::new(config, convert),
            delivery: Delivery::new(transport, random()),
            flushes: VecDeque::new(),
            noted: 0,
            poll: SHORTEST_POLL,
            panics: 0,
            has_abandoned: false,
            notices: Notices::default(),
        }
    }

    /// Works until told to stop.
    pub(crate) fn run(&mut self, live: &Live<T>) {
        /// Whatever ends the thread, nobody waits for it any longer.
        struct Ending<'a, T: Item>(&'a Live<T>, bool);
        impl<T: Item> Drop for Ending<'_, T> {
            fn drop(&mut self) {
                self.0.finish(self.1);
            }
        }
        let mut ending = Ending(live, false);
        loop {
            match self.guarded_turn(live) {
                Turn::Stop => {
                    ending.1 = !self.has_abandoned;
                    return;
                }
                Turn::Wait(wait) if wait.is_zero() => {}
                Turn::Wait(wait) => thread::park_timeout(wait),
            }
        }
    }

    /// Works on the thread of somebody who waits.
    pub(crate) fn run_until(&mut self, live: &Live<T>, until: Instant) {
        while Instant::now() < until {
            match self.guarded_turn(live) {
                Turn::Stop => return live.finish(!self.has_abandoned),
                Turn::Wait(_) if self.flushes.is_empty() && self.noted > 0 => return,
                Turn::Wait(wait) => thread::sleep(wait.min(SHORTEST_POLL)),
            }
        }
    }

    fn guarded_turn(&mut self, live: &Live<T>) -> Turn {
        let turn = catch_unwind(AssertUnwindSafe(|| self.turn(live)));
        turn.unwrap_or_else(|_| {
            self.panics += 1;
            self.notices.tell(live, Notice::Panicked);
            if self.panics > MAX_PANICS {
                self.delivery.abandon(live, DropReason::ExitDeadline);
                self.has_abandoned = true;
                return Turn::Stop;
            }
            Turn::Wait(SHORTEST_POLL)
        })
    }

    fn turn(&mut self, live: &Live<T>) -> Turn {
        let orders = live.tickets.orders();
        let is_hopeless =
            |stop_at| Instant::now() >= stop_at || self.delivery.pauses_beyond(stop_at);
        if orders.stop_at.is_some_and(is_hopeless) {
            let is_done = self.delivery.is_empty() && live.queue.len() == 0;
            self.delivery.abandon(live, DropReason::ExitDeadline);
            self.has_abandoned = !is_done;
            return Turn::Stop;
        }
        self.note_flushes(live, orders);
        let is_urgent = !self.flushes.is_empty() || orders.stop_at.is_some();
        let mut has_made = false;
        while self.delivery.has_room() && self.maker.is_due(live, is_urgent) {
            has_made = true;
            if !self.make(live, orders, is_urgent) {
                break;
            }
        }
        let wait = self.delivery.deliver(live, orders, is_urgent);
        let is_over = orders.stop_at.is_some() && self.delivery.is_empty() && live.queue.len() == 0;
        if is_over {
            self.report_losses(live, orders);
        }
        self.complete(live);
        self.notices.look(live);
        if is_over {
            return Turn::Stop;
        }
        self.give_up_flushes(live, orders);
        self.poll = if has_made {
            SHORTEST_POLL
        } else {
            (self.poll * 2).min(live.longest_poll().max(SHORTEST_POLL))
        };
        let poll = self.poll.min(live.longest_poll());
        let can_make = self.delivery.has_room() && !self.delivery.is_waiting();
        let due = if can_make { self.maker.due_in(live) } else { None };
        let flush_end = orders.until.map(|until| until.saturating_duration_since(Instant::now()));
        let stop = orders.stop_at.map(|at| at.saturating_duration_since(Instant::now()));
        let waits = [Some(poll), due, wait, flush_end, stop];
        Turn::Wait(waits.into_iter().flatten().min().unwrap_or(poll))
    }

    /// Takes notice of new flushes: whatever is in the queue now is part of them.
    fn note_flushes(&mut self, live: &Live<T>, orders: Orders) {
        if orders.issued == self.noted {
            return;
        }
        self.noted = orders.issued;
        let target = self.maker.owe_all(live);
        self.flushes.push_back((orders.issued, target));
        self.delivery.expedite();
    }

    /// Makes one batch; returns whether to go on.
    fn make(&mut self, live: &Live<T>, orders: Orders, is_urgent: bool) -> bool {
        let Some(turn) = self.delivery.ask(&live.config, orders, is_urgent) else { return false };
        let made = self.maker.make(live, turn);
        self.delivery.settle(live, made.settled);
        if let Some(batch) = made.batch {
            self.delivery.pack(live, batch);
        }
        true
    }

    /// Tells those whose flush is complete.
    fn complete(&mut self, live: &Live<T>) {
        let settled = self.delivery.settled();
        let mut completed = None;
        while let Some((ticket, _)) = self.flushes.pop_front_if(|(_, target)| *target <= settled) {
            completed = Some(ticket);
        }
        if let Some(ticket) = completed {
            live.tickets.complete(ticket);
        }
    }

    /// Lets those go who wait for what cannot happen before their deadline.
    fn give_up_flushes(&mut self, live: &Live<T>, orders: Orders) {
        let Some(until) = orders.until else { return };
        if self.flushes.is_empty() {
            return;
        }
        let is_late = Instant::now() >= until;
        if is_late || self.delivery.pauses_beyond(until) {
            self.flushes.clear();
            live.tickets.give_up();
        }
    }

    /// Sends the final counters, if something was lost since they were last sent.
    fn report_losses(&mut self, live: &Live<T>, orders: Orders) {
        if self.maker.has_unreported_losses(live) {
            let batch = self.maker.report(live);
            self.delivery.send_report(live, batch, orders);
        }
    }
}

/// What was told, so that it is not told again too soon.
#[derive(Default)]
struct Notices {
    told: Vec<(std::mem::Discriminant<Notice>, Option<DropReason>, Instant)>,
    counted: [u64; DropReason::ALL.len()],
    overridden: u64,
    redaction_failed: u64,
    unauthorized: u64,
}

impl Notices {
    /// Tells what the counters say.
    fn look<T: Item>(&mut self, live: &Live<T>) {
        for reason in DropReason::ALL {
            let count = live.counters.dropped(reason);
            let calls = count - self.counted[reason as usize];
            if calls > 0 && self.tell(live, Notice::Dropped { reason, calls }) {
                self.counted[reason as usize] = count;
            }
        }
        let counters = &live.counters;
        for (counter, told, notice) in [
            (&counters.policy_overridden, &mut self.overridden, Notice::PolicyOverridden),
            (&counters.redaction_failed, &mut self.redaction_failed, Notice::RedactionFailed),
            (&counters.unauthorized_answers, &mut self.unauthorized, Notice::Unauthorized),
        ] {
            let count = Counters::read(counter);
            if count > *told && tell_once(&mut self.told, live, notice) {
                *told = count;
            }
        }
    }

    fn tell<T: Item>(&mut self, live: &Live<T>, notice: Notice) -> bool {
        tell_once(&mut self.told, live, notice)
    }
}

fn tell_once<T: Item>(
    told: &mut Vec<(std::mem::Discriminant<Notice>, Option<DropReason>, Instant)>,
    live: &Live<T>,
    notice: Notice,
) -> bool {
    let kind = std::mem::discriminant(&notice);
    let reason = match notice {
        Notice::Dropped { reason, .. } => Some(reason),
        _ => None,
    };
    let now = Instant::now();
    let last = told.iter_mut().find(|(known, why, _)| (*known, *why) == (kind, reason));
    match last {
        Some((_, _, at)) if now.duration_since(*at) < NOTICE_INTERVAL => return false,
        Some((_, _, at)) => *at = now,
        None => told.push((kind, reason, now)),
    }
    (live.tell)(notice);
    true
}
