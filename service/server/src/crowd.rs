//! The connections of one thread: when there are too many, one that is idle goes.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::exchange::{Exchange, Phase};

/// How many connections are looked at before one is chosen: a new client costs no more than that.
const MOST_LOOKED_AT: usize = 64;
/// How many entries of ended connections may be kept beyond those of living ones.
const MOST_ENDED: usize = 64;

#[derive(Debug)]
struct Member {
    exchange: Arc<Exchange>,
    task: AbortHandle,
    /// Its steps when it was last looked at.
    steps: u32,
}

/// Who goes first when somebody has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Has done nothing since it was last looked at, and is at no request.
    Idle,
    /// Is at no request just now.
    Between,
    /// Its client is waited for within an exchange.
    Slow,
}

impl Member {
    /// `None` for one that stays in any case.
    fn rank(&self) -> Option<Rank> {
        match self.exchange.phase() {
            Phase::Idle | Phase::Head if self.exchange.steps() == self.steps => Some(Rank::Idle),
            Phase::Idle | Phase::Head | Phase::Lingering => Some(Rank::Between),
            Phase::Body => Some(Rank::Slow),
            Phase::Answering if self.exchange.is_write_blocked() => Some(Rank::Slow),
            Phase::Answering | Phase::Working => None,
        }
    }
}

/// The connections of one thread, those first that have been here, or been seen at work, for longest.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    members: VecDeque<Member>,
}

impl Crowd {
    /// Adds a connection; `living` is how many of the thread's connections have not ended, this one included.
    pub(crate) fn add(&mut self, exchange: Arc<Exchange>, task: AbortHandle, living: usize) {
        if self.members.len() >= 2 * living + MOST_ENDED {
            self.members.retain(|member| !member.task.is_finished());
        }
        let steps = exchange.steps();
        self.members.push_back(Member { exchange, task, steps });
    }

    /// Closes the connection that can be done without best. False when all are at work.
    pub(crate) fn make_room(&mut self) -> bool {
        let mut choice: Option<(Rank, AbortHandle)> = None;
        for _ in 0..self.members.len().min(MOST_LOOKED_AT) {
            let Some(mut member) = self.members.pop_front() else { break };
            if member.task.is_finished() {
                continue;
            }
            let rank = member.rank();
            if rank == Some(Rank::Idle) {
                member.task.abort();
                return true;
            }
            member.steps = member.exchange.steps();
            if let Some(rank) = rank
                && choice.as_ref().is_none_or(|(best, _)| rank < *best)
            {
                choice = Some((rank, member.task.clone()));
            }
            self.members.push_back(member);
        }
        if let Some((_, task)) = &choice {
            task.abort();
        }
        choice.is_some()
    }

    /// Closes all connections but those whose handler is at work, or whose answer is on its way.
    pub(crate) fn disperse(&mut self) {
        for member in self.members.drain(..) {
            if !matches!(member.exchange.phase(), Phase::Working | Phase::Answering) {
                member.task.abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::task::JoinHandle;

    struct Test {
        crowd: Crowd,
        all: Vec<(Arc<Exchange>, JoinHandle<()>)>,
    }

    impl Test {
        fn new(phases: &[Phase]) -> Self {
            let mut test = Self { crowd: Crowd::default(), all: Vec::new() };
            for &phase in phases {
                let exchange = Arc::new(Exchange::default());
                exchange.enter(phase);
                let task = tokio::spawn(pending());
                let living = test.all.len() + 1;
                test.crowd.add(Arc::clone(&exchange), task.abort_handle(), living);
                test.all.push((exchange, task));
            }
            test
        }

        async fn ended(&self) -> Vec<usize> {
            tokio::task::yield_now().await;
            (0..self.all.len()).filter(|&at| self.all[at].1.is_finished()).collect()
        }
    }

    #[tokio::test]
    async fn the_oldest_that_is_idle_goes_first() {
        let mut test = Test::new(&[Phase::Working, Phase::Idle, Phase::Head, Phase::Body]);
        assert!(test.crowd.make_room());
        assert_eq!(test.ended().await, [1]);
        assert!(test.crowd.make_room());
        assert_eq!(test.ended().await, [1, 2]);
        assert!(test.crowd.make_room());
        assert_eq!(test.ended().await, [1, 2, 3], "a body is waited for as long as there is room");
        assert!(!test.crowd.make_room());
    }

    #[tokio::test]
    async fn one_that_was_used_meanwhile_stays_longer() {
        let mut test = Test::new(&[Phase::Idle, Phase::Idle, Phase::Idle]);
        test.all[0].0.enter(Phase::Idle);
        assert!(test.crowd.make_room());
        assert_eq!(test.ended().await, [1]);
        test.all[2].0.enter(Phase::Idle);
        assert!(test.crowd.make_room());
        assert_eq!(test.ended().await.len(), 2, "all are used: one goes all the same");
    }

    #[tokio::test]
    async fn ended_connections_are_forgotten() {
        let mut test = Test::new(&[Phase::Idle; 200]);
        for (_, task) in &test.all {
            task.abort();
        }
        while !test.all.iter().all(|(_, task)| task.is_finished()) {
            tokio::task::yield_now().await;
        }
        let (exchange, task) = (Arc::new(Exchange::default()), tokio::spawn(pending::<()>()));
        test.crowd.add(exchange, task.abort_handle(), 1);
        assert_eq!(test.crowd.members.len(), 1);
    }

    #[tokio::test]
    async fn at_the_end_only_work_is_waited_for() {
        let mut test = Test::new(&[Phase::Working, Phase::Idle, Phase::Answering, Phase::Body]);
        test.crowd.disperse();
        assert_eq!(test.ended().await, [1, 3]);
    }
}
