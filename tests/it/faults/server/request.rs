//! The requests that the operator makes of the API server.

use fault_proxy::{Verb, Which};

/// A kind of request, told by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// GET of the object at the beginning of a pass.
    Get,
    /// The status write with the intent of a batch.
    Intent,
    /// The JSON patch that records the id of a job.
    Record,
    /// The status write with the result of a batch.
    Result,
    /// The status write with the intent of a schedule.
    ScheduleIntent,
    /// The JSON patch that records the events of a schedule.
    ScheduleRecord,
    /// The patch that adds the finalizer.
    Finalizer,
    /// POST of an event.
    Event,
    /// GET of a Secret.
    Secret,
    /// The status write of a connection.
    Connection,
    /// The list that a watch begins with.
    List,
    /// The beginning of a watch.
    Watch,
    /// GET of the lease.
    LeaseGet,
    /// The renewal of the lease.
    LeaseUpdate,
}

/// All of them, in the order of the table.
pub const ASKS: [Ask; 14] = [
    Ask::Get,
    Ask::Intent,
    Ask::Record,
    Ask::Result,
    Ask::ScheduleIntent,
    Ask::ScheduleRecord,
    Ask::Finalizer,
    Ask::Event,
    Ask::Secret,
    Ask::Connection,
    Ask::List,
    Ask::Watch,
    Ask::LeaseGet,
    Ask::LeaseUpdate,
];

/// What a fault on such a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// An object of its own: requests about others are left alone.
    Object,
    /// An operator of its own.
    Operator,
    /// An operator and a lease, and so a namespace, of its own.
    Lease,
}

impl Ask {
    /// Its name in the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Intent => "status: intent",
            Self::Record => "JSON patch: job id",
            Self::Result => "status: result",
            Self::ScheduleIntent => "schedule: intent",
            Self::ScheduleRecord => "JSON patch: events",
            Self::Finalizer => "finalizer",
            Self::Event => "event",
            Self::Secret => "secret get",
            Self::Connection => "connection status",
            Self::List => "list",
            Self::Watch => "watch",
            Self::LeaseGet => "lease get",
            Self::LeaseUpdate => "lease update",
        }
    }

    /// What a fault on it needs.
    pub fn needs(self) -> Needs {
        match self {
            Self::List | Self::Watch => Needs::Operator,
            Self::LeaseGet | Self::LeaseUpdate => Needs::Lease,
            _ => Needs::Object,
        }
    }

    /// Whether its workload is a schedule.
    pub fn is_schedule(self) -> bool {
        matches!(self, Self::ScheduleIntent | Self::ScheduleRecord | Self::Finalizer)
    }

    /// Such requests about objects of that name.
    pub fn which(self, name: &str) -> Which {
        let batch = || Which::verb(Verb::Patch).on("jumpclouduserbatches/status").named(name);
        let schedule = || Which::verb(Verb::Patch).on("scheduleduserstates/status").named(name);
        match self {
            Self::Get => Which::verb(Verb::Get).on("jumpclouduserbatches").named(name),
            Self::Intent => batch().containing("submitBy"),
            Self::Record => batch().containing("\"op\""),
            Self::Result => batch().containing("Succeeded"),
            Self::ScheduleIntent => schedule().containing("submitBy"),
            Self::ScheduleRecord => schedule().containing("\"op\""),
            Self::Finalizer => Which::verb(Verb::Patch).on("scheduleduserstates").named(name),
            Self::Event => {
                let about = format!("\"kind\":\"JumpCloudUserBatch\",\"name\":\"{name}\"");
                Which::verb(Verb::Create).on("events").containing(&about)
            }
            Self::Secret => Which::verb(Verb::Get).on("secrets").named(name),
            Self::Connection => Which::verb(Verb::Patch).on("jumpcloudconnections/status").named(name),
            Self::List => Which::verb(Verb::List).on("jumpclouduserbatches"),
            Self::Watch => Which::verb(Verb::Watch).on("jumpclouduserbatches"),
            Self::LeaseGet => Which::verb(Verb::Get).on("leases"),
            Self::LeaseUpdate => Which::verb(Verb::Update).on("leases"),
        }
    }
}
