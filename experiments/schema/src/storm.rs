//! Tenants that were started at once: what the method `storm` puts into the raw log.

use serde::{Deserialize, Serialize};

/// Why a tenant gave no correct answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedStart {
    /// What was being done, for example `start`.
    pub stage: String,
    /// Why it failed, with the command or path.
    pub reason: String,
}

/// One tenant of a storm. It has either a moment at which it had answered, or a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantStart {
    /// When it was asked for, nanoseconds since the first one was. `None` of one that failed before: what its start
    /// needs could not be prepared.
    pub asked_ns: Option<u64>,
    /// When its first answer, a correct one, was complete, nanoseconds since the first tenant was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_ns: Option<u64>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailedStart>,
}

/// One storm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    /// Every tenant that was asked for, by its number.
    pub tenants: Vec<TenantStart>,
}

impl Storm {
    /// The moments of the correct answers, ascending: at index k - 1 that of the k-th, nanoseconds since the first
    /// tenant was asked for.
    #[must_use]
    pub fn answers_ns(&self) -> Vec<u64> {
        let mut answers: Vec<u64> =
            self.tenants.iter().filter_map(|tenant| tenant.answered_ns).collect();
        answers.sort_unstable();
        answers
    }

    /// When so many tenants had answered correctly; `None` when fewer ever did, or `count` is 0.
    #[must_use]
    pub fn answer_ns(&self, count: usize) -> Option<u64> {
        self.answers_ns().get(count.checked_sub(1)?).copied()
    }

    /// Why tenants gave no correct answer, by their numbers.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &FailedStart)> {
        let each = self.tenants.iter().enumerate();
        each.filter_map(|(number, tenant)| Some((number, tenant.failure.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(answered_ns: Option<u64>) -> TenantStart {
        let failed = || FailedStart { stage: "start".to_owned(), reason: "no room".to_owned() };
        let failure = answered_ns.is_none().then(failed);
        TenantStart { asked_ns: Some(1), answered_ns, failure }
    }

    #[test]
    fn the_k_th_answer_is_known_when_so_many_came() {
        let storm = Storm { tenants: [Some(7), None, Some(5), Some(9)].map(tenant).to_vec() };
        assert_eq!(storm.answers_ns(), [5, 7, 9]);
        let found: Vec<_> = (0..5).map(|count| storm.answer_ns(count)).collect();
        assert_eq!(found, [None, Some(5), Some(7), Some(9), None]);
        let failed: Vec<usize> = storm.failures().map(|(number, _)| number).collect();
        assert_eq!(failed, [1]);
    }

    #[test]
    fn a_storm_is_read_back_as_written() {
        let storm = Storm { tenants: [Some(7), None].map(tenant).to_vec() };
        let line = serde_json::to_string(&storm).unwrap();
        assert_eq!(serde_json::from_str::<Storm>(&line).unwrap(), storm);
        assert!(line.contains(r#"{"asked_ns":1,"answered_ns":7}"#), "{line}");
    }
}
