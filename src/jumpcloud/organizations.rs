//! Organisations: which a credential can see, and what their new users get.
//!
//! Guarantees: reads only, repeated as the module `retry` says.

use reqwest::Method;

use crate::jumpcloud::client::{JumpCloud, unexpected};
use crate::jumpcloud::endpoint::Version;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::paginate::Paging;
use crate::jumpcloud::retry::Effect;
use crate::jumpcloud::transport::Call;
use crate::jumpcloud::wire::{Organization, read_each};

/// The most pages of a listing of organisations.
const MAX_ORGANIZATION_PAGES: usize = 100;

impl JumpCloud {
    /// `GET /organizations`: the organisations that the credential can see.
    ///
    /// # Errors
    /// When a page cannot be read; see [`Error`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let all = client.organizations().await?;
    /// assert_eq!(all.len(), 1);
    /// assert_eq!((all[0].id.as_str(), all[0].name.as_deref()), (DEFAULT_ORGANISATION, Some("Example")));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn organizations(&self) -> Result<Vec<Organization>, Error> {
        let url = self.at(Version::V1, &["organizations"])?;
        let call = Call::new("GET /organizations", Effect::Read, Method::GET, url).query("sort", "_id");
        let mut found = Vec::new();
        let mut paging = Some(Paging::new(MAX_ORGANIZATION_PAGES));
        while let Some(current) = paging {
            let page = self.page(&call, current).await?;
            paging = current.next(page.items.len(), page.total);
            found.extend(read_each(call.route, page.items, |item| Organization::read(&item)));
        }
        Ok(found)
    }

    /// `GET /organizations/{id}`: one organisation, with the state that new users get when the answer
    /// says it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when it does not exist for this credential.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let organization = client.organization(DEFAULT_ORGANISATION).await?;
    /// // What bulk jobs give to users that declare no state.
    /// let states = organization.new_user_states.unwrap();
    /// assert_eq!(states.csv_import.as_deref(), Some("STAGED"));
    ///
    /// let error = client.organization("5f0c1d2e3a4b5c6d7e8f9aff").await.unwrap_err();
    /// assert!(error.is_not_found());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn organization(&self, id: &str) -> Result<Organization, Error> {
        let url = self.at(Version::V1, &["organizations", id])?;
        let answer = self.call(&Call::new("GET /organizations/{id}", Effect::Read, Method::GET, url)).await?;
        Organization::read(&answer).ok_or_else(|| unexpected("an organisation"))
    }
}
