//! The results of a bulk job.
//!
//! Guarantees: a read only, repeated as the module `retry` says; each row once, as it was seen last.

use std::collections::HashMap;

use reqwest::Method;

use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::endpoint::Version;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::paginate::{PAGE, Paging};
use crate::jumpcloud::retry::Effect;
use crate::jumpcloud::transport::Call;
use crate::jumpcloud::wire::{WorkResult, read_each};

/// The most pages of one job's results: far beyond the 800 users of the largest job.
const MAX_RESULT_PAGES: usize = 50;

/// The most rows of one job that are read.
pub const MAX_RESULTS: usize = MAX_RESULT_PAGES * PAGE;

impl JumpCloud {
    /// `GET /bulk/users/{job_id}/results`: the rows of a job, distinct by row id, the last seen state of
    /// each. There may be fewer than were sent, and in any order, while the job runs.
    ///
    /// Reading stops after `expected` distinct rows, so that a full last page costs no empty one.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when JumpCloud does not know the job (any more).
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let rows = json!([
    ///     {"username": "ada", "email": "ada@example.com"},
    ///     {"username": "eva", "email": "no address"},
    /// ]);
    /// # let body = serde_json::to_vec(&rows)?.into();
    /// # let request = BulkRequest { body, suppress_email: true, creation_source: None };
    /// # let deadline = clock::monotonic() + Duration::from_secs(20);
    /// # let permit = client.reserve().await?;
    /// # let Delivery::Accepted(job_id) = client.bulk_create(permit, &request, deadline).await else {
    /// #     panic!("not accepted")
    /// # };
    /// // A job of these rows was accepted.
    /// let results = client.job_results(&job_id, 2).await?;
    /// assert!(results.iter().all(|row| row.status == RowStatus::Pending));
    ///
    /// sim.advance(Duration::from_secs(60));
    /// for row in client.job_results(&job_id, 2).await? {
    ///     match row.user.username.as_deref() {
    ///         Some("ada") => assert!(row.status == RowStatus::Finished),
    ///         // No word for a failure is documented: any other word with a message is one.
    ///         _ => assert!(row.status != RowStatus::Finished && row.message.is_some()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn job_results(&self, job: &str, expected: usize) -> Result<Vec<WorkResult>, Error> {
        let url = self.at(Version::V2, &["bulk", "users", job, "results"])?;
        let call = Call::new("GET /bulk/users/{job_id}/results", Effect::Read, Method::GET, url);
        let mut rows: Vec<WorkResult> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut paging = Paging::new(MAX_RESULT_PAGES);
        loop {
            let page = self.page(&call, paging).await?;
            let received = page.items.len();
            for row in read_each(call.route, page.items, |row| WorkResult::read(&row, self.secrets())) {
                let place = row.id.as_ref().and_then(|id| places.get(id)).copied();
                match place.and_then(|place| rows.get_mut(place)) {
                    Some(known) => *known = row,
                    None => {
                        if let Some(id) = &row.id {
                            places.insert(id.clone(), rows.len());
                        }
                        rows.push(row);
                    }
                }
            }
            match paging.next(received, page.total) {
                Some(next) if rows.len() < expected => paging = next,
                _ => return Ok(rows),
            }
        }
    }
}
