//! Where the API is: a validated origin, and the addresses below it.
//!
//! Guarantees: an [`Endpoint`] is scheme, host and port, nothing else; it is `https`, or `http` to this
//! very host. An identifier from elsewhere can never change which route an address names.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use thiserror::Error;

/// The longest identifier that is put into a path. JumpCloud's own have 24 characters.
const MAX_SEGMENT: usize = 256;

const US: &str = "https://console.jumpcloud.com";
const EU: &str = "https://console.eu.jumpcloud.com";
const IN: &str = "https://console.in.jumpcloud.com";

/// A JumpCloud region. Keys and organisations belong to one region; another answers 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Region {
    /// `console.jumpcloud.com`
    Us,
    /// `console.eu.jumpcloud.com`
    Eu,
    /// `console.in.jumpcloud.com`
    In,
}

/// The origin of the API: scheme, host and port. `/api` and `/api/v2` are appended by the client.
///
/// Two endpoints are equal when their origins are: a default port or a trailing slash makes no
/// difference. `Display` gives the origin in its normal form, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// In normal form, without a trailing slash.
    origin: String,
    host: Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Host {
    Loopback,
    Other,
}

/// Why a text is not an [`Endpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("not a URL; write an origin like https://console.jumpcloud.com")]
    NotAUrl,
    /// Neither http nor https.
    #[error("the scheme must be https")]
    Scheme,
    /// Plain http to another host: the key would travel in clear text.
    #[error("plain http is allowed to the loopback address only; use https")]
    PlainHttp,
    /// A path, query, fragment or user information follows the origin.
    #[error("give scheme, host and port only; /api and /api/v2 are appended")]
    MoreThanOrigin,
}

/// Which of the two generations of the API a route belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `/api`: users and organisations.
    V1,
    /// `/api/v2`: bulk jobs and scheduled states.
    V2,
}

/// An identifier that cannot be a part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("identifier is empty, too long or not a plain word")]
pub(crate) struct BadSegment;

impl Endpoint {
    /// The public host of a region.
    #[must_use]
    pub fn region(region: Region) -> Self {
        let origin = match region {
            Region::Us => US,
            Region::Eu => EU,
            Region::In => IN,
        };
        Self { origin: origin.to_owned(), host: Host::Other }
    }

    /// Reads an origin such as `https://console.jumpcloud.com` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the text holds anything but scheme, host and port, or would send the key in clear text.
    pub fn origin(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text.trim()).map_err(|_| EndpointError::NotAUrl)?;
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(EndpointError::Scheme),
        };
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(EndpointError::MoreThanOrigin);
        }
        let host = Host::of(&url);
        if plain && host == Host::Other {
            return Err(EndpointError::PlainHttp);
        }
        Ok(Self { origin: url.as_str().trim_end_matches('/').to_owned(), host })
    }

    /// Whether the host is this very machine, by name or address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == Host::Loopback
    }

    /// Whether requests travel without TLS, which only a loopback origin may do.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.origin.starts_with("http:")
    }

    /// Where service accounts get their tokens: the region's endpoint for JumpCloud's own hosts, else
    /// `/oauth2/token` of this origin.
    #[must_use]
    pub fn token_url(&self) -> String {
        match self.origin.as_str() {
            US => "https://admin-oauth.id.jumpcloud.com/oauth2/token".to_owned(),
            EU => "https://admin-oauth.id.eu.jumpcloud.com/oauth2/token".to_owned(),
            IN => "https://admin-oauth.id.in.jumpcloud.com/oauth2/token".to_owned(),
            origin => format!("{origin}/oauth2/token"),
        }
    }

    /// The address of a route. Each segment is escaped; one that could change the route is refused.
    pub(crate) fn at(&self, version: Version, segments: &[&str]) -> Result<Url, BadSegment> {
        let mut url = Url::parse(&self.origin).map_err(|_| BadSegment)?;
        {
            let mut path = url.path_segments_mut().map_err(|()| BadSegment)?;
            path.clear().push("api");
            if version == Version::V2 {
                path.push("v2");
            }
            for segment in segments {
                if !is_segment(segment) {
                    return Err(BadSegment);
                }
                path.push(segment);
            }
        }
        Ok(url)
    }
}

impl Host {
    fn of(url: &Url) -> Self {
        let name = url.host_str().unwrap_or_default();
        let v4 = name.parse::<Ipv4Addr>();
        let v6 = name.trim_start_matches('[').trim_end_matches(']').parse::<Ipv6Addr>();
        let loopback = name == "localhost"
            || v4.is_ok_and(|address| address.is_loopback())
            || v6.is_ok_and(|address| address.is_loopback());
        if loopback { Self::Loopback } else { Self::Other }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Whether an identifier can be a part of a path. `.` and `..` vanish from paths, and control characters
/// and backslashes are rewritten by URL parsers.
pub(crate) fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_SEGMENT
        && text != "."
        && text != ".."
        && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_their_hosts() {
        for (region, origin) in [
            (Region::Us, "https://console.jumpcloud.com"),
            (Region::Eu, "https://console.eu.jumpcloud.com"),
            (Region::In, "https://console.in.jumpcloud.com"),
        ] {
            assert_eq!(Endpoint::region(region).to_string(), origin);
            assert_eq!(Endpoint::region(region), Endpoint::origin(origin).unwrap());
        }
    }

    #[test]
    fn tokens_come_from_the_regions_host_or_the_origin_itself() {
        for (endpoint, want) in [
            (Endpoint::region(Region::Us), "https://admin-oauth.id.jumpcloud.com/oauth2/token"),
            (Endpoint::region(Region::Eu), "https://admin-oauth.id.eu.jumpcloud.com/oauth2/token"),
            (Endpoint::region(Region::In), "https://admin-oauth.id.in.jumpcloud.com/oauth2/token"),
            (
                Endpoint::origin("https://console.eu.jumpcloud.com").unwrap(),
                "https://admin-oauth.id.eu.jumpcloud.com/oauth2/token",
            ),
            (Endpoint::origin("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080/oauth2/token"),
        ] {
            assert_eq!(endpoint.token_url(), want);
        }
    }

    #[test]
    fn only_an_origin_is_accepted() {
        for (text, want) in [
            ("console.jumpcloud.com", EndpointError::NotAUrl),
            ("", EndpointError::NotAUrl),
            ("ftp://x.example", EndpointError::Scheme),
            ("http://console.jumpcloud.com", EndpointError::PlainHttp),
            ("http://169.254.169.254", EndpointError::PlainHttp),
            ("http://localhost.example.com", EndpointError::PlainHttp),
            ("https://x.example/api", EndpointError::MoreThanOrigin),
            ("https://x.example/?a=b", EndpointError::MoreThanOrigin),
            ("https://x.example/#a", EndpointError::MoreThanOrigin),
            ("https://me@x.example", EndpointError::MoreThanOrigin),
            ("https://:secret@x.example", EndpointError::MoreThanOrigin),
        ] {
            assert_eq!(Endpoint::origin(text), Err(want), "{text}");
        }
    }

    #[test]
    fn loopback_may_be_plain() {
        for text in ["http://127.0.0.1:9", "http://127.8.8.8", "http://[::1]:80", "http://localhost:1"] {
            let endpoint = Endpoint::origin(text).unwrap();
            assert!(endpoint.is_loopback() && endpoint.is_plain(), "{text}");
        }
    }

    #[test]
    fn equal_when_the_origin_is() {
        let one = Endpoint::origin("https://X.example:443/").unwrap();
        assert_eq!(one, Endpoint::origin(" https://x.example ").unwrap());
        assert_eq!(one.to_string(), "https://x.example");
        assert_ne!(one, Endpoint::origin("https://x.example:444").unwrap());
    }

    #[test]
    fn identifiers_cannot_change_the_route() {
        let endpoint = Endpoint::origin("https://x.example").unwrap();
        for (id, want) in [
            ("abc", Some("https://x.example/api/v2/bulk/users/abc/results")),
            ("a/b?c#d", Some("https://x.example/api/v2/bulk/users/a%2Fb%3Fc%23d/results")),
            ("%2e%2e", Some("https://x.example/api/v2/bulk/users/%252e%252e/results")),
            ("..", None),
            (".", None),
            ("", None),
            ("a\\..\\b", None),
            ("a\nb", None),
            (&"x".repeat(257), None),
        ] {
            let url = endpoint.at(Version::V2, &["bulk", "users", id, "results"]).ok();
            assert_eq!(url.as_ref().map(Url::as_str), want, "{id}");
        }
        let v1 = endpoint.at(Version::V1, &["systemusers"]).unwrap();
        assert_eq!(v1.as_str(), "https://x.example/api/systemusers");
    }
}
