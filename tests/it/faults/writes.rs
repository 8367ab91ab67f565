//! Every write to the API server goes wrong, not one of them alone: the matrix has those.

use std::time::Duration;

use fault_proxy::{FaultRule, Which};

use super::pair::{BATCHES, Pair, SCHEDULES};

/// No status write is ever answered. Each is found to be there, and none is taken for lost.
#[tokio::test(flavor = "multi_thread")]
async fn status_writes_whose_replies_are_lost_after_the_commit() {
    let rules = [BATCHES, SCHEDULES].map(|kind| FaultRule::drop_reply().of(Which::writes().on(kind)));
    let pair = Pair::begin("api-lost", rules.into()).await;
    pair.declare();
    pair.settled().await;
    // At least the intent, the record and the result.
    let lost = (pair.faults(BATCHES), pair.faults(SCHEDULES));
    assert!(lost.0 >= 3 && lost.1 >= 3, "{lost:?}");
}

/// Each write is refused once as a conflict, that of the lease and of the finalizer, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_before_every_write() {
    let rule = FaultRule::status(409).of(Which::writes()).each().in_a_row(1);
    let pair = Pair::begin("api-409", vec![rule]).await;
    pair.declare();
    pair.settled().await;
    let refused = (pair.faults(BATCHES), pair.faults(SCHEDULES));
    assert!(refused.0 >= 3 && refused.1 >= 3, "{refused:?}");
    for other in ["leases", "jumpcloudconnections/status", "scheduleduserstates"] {
        assert!(pair.faults(other) > 0, "no conflict on {other}");
    }
}

/// The API server takes no write for ten seconds while JumpCloud accepts: what it gave is recorded afterwards, and
/// nothing is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn writes_are_refused_while_jumpcloud_accepts() {
    let pair = Pair::begin("api-refused", vec![]).await;
    pair.under_way(Duration::from_secs(4)).await;
    pair.proxy.add_rule(FaultRule::status(500).of(Which::writes()).lasting(Duration::from_secs(10)));
    pair.settled().await;
    let refused = (pair.faults(BATCHES), pair.faults(SCHEDULES));
    assert!(refused.0 > 0 && refused.1 > 0, "the records were not refused: {refused:?}");
    assert_eq!(pair.operator.log().matches("could not be recorded").count(), 0);
}
