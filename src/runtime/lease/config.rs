//! What a campaign for the lease is told, and what is wrong with it.

use std::time::Duration;

use thiserror::Error;

/// The longest time between two looks at the record while somebody else holds it, and between two
/// attempts after a failed call.
///
/// A released lease is taken within this time. One small read per second and standby is what that
/// costs; a watch would cost less and need a fallback of its own for when it falls silent.
const POLL: Duration = Duration::from_secs(1);

/// Which lease to compete for, as whom, and how patiently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConfig {
    /// Namespace of the Lease object.
    pub namespace: String,
    /// Name of the Lease object. It is created when it is absent.
    pub name: String,
    /// Who this process is; must differ between any two processes that ever run.
    pub identity: String,
    /// How long a candidate waits, after the last change it saw, before it takes the lease from a
    /// silent holder. Written into the record in whole seconds, rounded up.
    pub duration: Duration,
    /// How long after its last successful renewal the holder stops to lead.
    pub renew_deadline: Duration,
    /// Time between two renewals.
    pub retry_period: Duration,
}

impl LeaseConfig {
    /// Checks that `duration` > `renew_deadline` > `retry_period` > 0, and that there are names.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn validate(&self) -> Result<(), LeaseConfigError> {
        let named = [("namespace", &self.namespace), ("name", &self.name), ("identity", &self.identity)];
        if let Some((field, _)) = named.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(LeaseConfigError::Empty(field));
        }
        if self.retry_period.is_zero() {
            return Err(LeaseConfigError::NoRetryPeriod);
        }
        if self.renew_deadline <= self.retry_period {
            return Err(LeaseConfigError::RenewDeadline {
                deadline: self.renew_deadline,
                period: self.retry_period,
            });
        }
        if self.duration <= self.renew_deadline {
            return Err(LeaseConfigError::Duration {
                duration: self.duration,
                deadline: self.renew_deadline,
            });
        }
        if i32::try_from(self.duration.as_secs()).is_err() {
            return Err(LeaseConfigError::TooLong(self.duration));
        }
        Ok(())
    }

    /// `duration` as the record holds it: rounded up, so that nobody takes the lease early.
    pub(super) fn duration_seconds(&self) -> i32 {
        let whole = self.duration.as_secs() + u64::from(self.duration.subsec_nanos() > 0);
        i32::try_from(whole).unwrap_or(i32::MAX)
    }

    /// The limit of one call to the API server; less than a renewal period.
    pub(super) fn call_timeout(&self) -> Duration {
        self.retry_period.mul_f64(0.75)
    }

    /// The pause of a candidate, and of a holder whose renewal failed.
    pub(super) fn poll(&self) -> Duration {
        self.retry_period.min(POLL)
    }
}

/// What is wrong with a [`LeaseConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LeaseConfigError {
    /// A name is missing.
    #[error("the lease's {0} is empty; set it")]
    Empty(&'static str),
    /// Renewals would follow each other without a pause.
    #[error("the lease's retry period is zero; make it at least a second")]
    NoRetryPeriod,
    /// The holder would give up before a single renewal is due.
    #[error("the lease's renew deadline of {deadline:?} must be longer than its retry period of {period:?}")]
    RenewDeadline {
        /// The configured renew deadline.
        deadline: Duration,
        /// The configured retry period.
        period: Duration,
    },
    /// Another candidate could take the lease while its holder still leads.
    #[error("the lease's duration of {duration:?} must be longer than its renew deadline of {deadline:?}")]
    Duration {
        /// The configured duration.
        duration: Duration,
        /// The configured renew deadline.
        deadline: Duration,
    },
    /// The API holds the duration as a 32-bit number of seconds.
    #[error("the lease's duration of {0:?} does not fit the API; make it shorter")]
    TooLong(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(duration: u64, renew_deadline: u64, retry_period: u64) -> LeaseConfig {
        LeaseConfig {
            namespace: "system".into(),
            name: "operator".into(),
            identity: "a".into(),
            duration: Duration::from_secs(duration),
            renew_deadline: Duration::from_secs(renew_deadline),
            retry_period: Duration::from_secs(retry_period),
        }
    }

    #[test]
    fn durations_must_be_ordered() {
        assert_eq!(config(30, 20, 4).validate(), Ok(()));
        assert!(matches!(config(20, 20, 4).validate(), Err(LeaseConfigError::Duration { .. })));
        assert!(matches!(config(30, 4, 4).validate(), Err(LeaseConfigError::RenewDeadline { .. })));
        assert_eq!(config(30, 20, 0).validate(), Err(LeaseConfigError::NoRetryPeriod));
        assert!(matches!(config(u64::from(u32::MAX), 20, 4).validate(), Err(LeaseConfigError::TooLong(_))));
    }

    #[test]
    fn names_must_be_there() {
        let nameless = LeaseConfig { name: String::new(), ..config(30, 20, 4) };
        assert_eq!(nameless.validate(), Err(LeaseConfigError::Empty("name")));
    }

    #[test]
    fn the_record_never_promises_less_than_the_duration() {
        let odd = LeaseConfig { duration: Duration::from_millis(2_001), ..config(30, 20, 4) };
        assert_eq!(odd.duration_seconds(), 3);
        assert_eq!(config(30, 20, 4).duration_seconds(), 30);
    }

    #[test]
    fn a_call_ends_before_the_next_renewal() {
        let config = config(30, 20, 4);
        assert!(config.call_timeout() < config.retry_period);
        assert_eq!(config.poll(), POLL);
    }
}
