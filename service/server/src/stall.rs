//! Letting go of clients that keep an exchange from going on.

use tokio::time::{MissedTickBehavior, interval};

use crate::Config;
use crate::exchange::{Exchange, Phase};
use crate::limits::{LEAST_PROGRESS_BYTES, LOOKS, LOOKS_AT_EXCHANGE};

/// Ready when the client of `exchange` has stalled; the handler is never what is waited for.
pub(crate) async fn stalled(exchange: &Exchange, config: &Config) {
    let mut looks = interval(config.idle_timeout / LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.tick().await;
    let mut watch = Watch::new(exchange);
    loop {
        looks.tick().await;
        if watch.is_over(exchange) {
            return;
        }
    }
}

/// What was seen at the last look.
#[derive(Debug)]
struct Watch {
    steps: u32,
    moved_bytes: usize,
    /// Looks without a step in between.
    still: u32,
    /// Of these, looks in a row with less progress than is asked for.
    slow: u32,
}

impl Watch {
    fn new(exchange: &Exchange) -> Self {
        let (steps, moved_bytes) = (exchange.steps(), exchange.moved_bytes());
        Self { steps, moved_bytes, still: 0, slow: 0 }
    }

    /// Looks again: whether the client has had its time.
    fn is_over(&mut self, exchange: &Exchange) -> bool {
        let phase = exchange.phase();
        let before = std::mem::replace(self, Self::new(exchange));
        if before.steps != self.steps || matches!(phase, Phase::Working | Phase::Lingering) {
            return false;
        }
        self.still = before.still + 1;
        let is_moving = phase == Phase::Body || exchange.is_write_blocked();
        if !is_moving {
            return self.still >= LOOKS;
        }
        let moved_bytes = self.moved_bytes.wrapping_sub(before.moved_bytes);
        self.slow = if moved_bytes < LEAST_PROGRESS_BYTES { before.slow + 1 } else { 0 };
        self.slow >= 2 || self.still >= LOOKS_AT_EXCHANGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks a client is given that does `between` before each.
    fn looks(exchange: &Exchange, mut between: impl FnMut(&Exchange)) -> u32 {
        let mut watch = Watch::new(exchange);
        for look in 1..100 {
            between(exchange);
            if watch.is_over(exchange) {
                return look;
            }
        }
        100
    }

    #[test]
    fn idle_clients_and_slow_heads_have_one_timeout() {
        let exchange = Exchange::default();
        assert_eq!(looks(&exchange, |_| {}), LOOKS);
        assert!(exchange.received(1));
        assert_eq!(looks(&exchange, |exchange| assert!(!exchange.received(1))), LOOKS);
    }

    #[test]
    fn a_body_has_to_move_and_to_end() {
        let exchange = Exchange::default();
        exchange.enter(Phase::Body);
        assert_eq!(looks(&exchange, |_| {}), 2);
        let slow = |exchange: &Exchange| exchange.sent(LEAST_PROGRESS_BYTES - 1);
        assert_eq!(looks(&exchange, slow), 2);
        let brisk = |exchange: &Exchange| assert!(!exchange.received(LEAST_PROGRESS_BYTES));
        assert_eq!(looks(&exchange, brisk), LOOKS_AT_EXCHANGE);
    }

    #[test]
    fn an_answer_has_to_be_taken() {
        let exchange = Exchange::default();
        exchange.enter(Phase::Answering);
        exchange.block_write();
        assert_eq!(looks(&exchange, |_| {}), 2);
        let brisk = |exchange: &Exchange| {
            exchange.sent(LEAST_PROGRESS_BYTES);
            exchange.block_write();
        };
        assert_eq!(looks(&exchange, brisk), LOOKS_AT_EXCHANGE);
    }

    #[test]
    fn the_handler_and_a_client_that_goes_on_have_all_the_time() {
        let exchange = Exchange::default();
        exchange.enter(Phase::Working);
        assert_eq!(looks(&exchange, |_| {}), 100);
        exchange.enter(Phase::Answering);
        assert_eq!(looks(&exchange, |exchange| exchange.enter(Phase::Answering)), 100);
    }
}
