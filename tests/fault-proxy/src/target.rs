//! What a request is about, and which requests a rule is about.

use http::{Method, Uri};

/// What a request wants done, in the API server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH.
    Patch,
    /// Deletes one object.
    Delete,
    /// Deletes a collection.
    DeleteCollection,
}

impl Verb {
    /// Whether it changes anything.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// What a request is about. What it does not have (a namespace, a name) is empty; so is everything of an address without
/// objects, such as `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// What is wanted.
    pub verb: Verb,
    /// The resource in the plural.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name; empty for a collection, and for what is created.
    pub name: String,
}

impl Target {
    /// Reads method and address as kube-apiserver does.
    pub(crate) fn of(method: &Method, uri: &Uri) -> Self {
        let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let rest = match parts.as_slice() {
            ["api", _version, rest @ ..] | ["apis", _, _version, rest @ ..] => rest,
            _ => &[],
        };
        // A namespace is itself an object; what follows its name is then one of its two subresources.
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..]
                if !matches!(rest.first(), None | Some(&("status" | "finalize"))) =>
            {
                (*namespace, rest)
            }
            _ => ("", rest),
        };
        let at = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        let (resource, name, subresource) = (at(0), at(1), at(2));
        let is_one = !name.is_empty();
        let query = uri.query().unwrap_or_default();
        let is_watch = form_urlencoded::parse(query.as_bytes())
            .any(|(key, value)| key == "watch" && matches!(value.as_ref(), "true" | "1"));
        let verb = match *method {
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE if is_one => Verb::Delete,
            Method::DELETE => Verb::DeleteCollection,
            _ if is_watch => Verb::Watch,
            _ if is_one || resource.is_empty() => Verb::Get,
            _ => Verb::List,
        };
        Self { verb, resource, subresource, namespace: namespace.to_owned(), name }
    }
}

/// Which requests; all of them unless narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    verb: Option<Verb>,
    only_writes: bool,
    resource: Option<(String, String)>,
    namespace: Option<String>,
    name: Option<String>,
    text: Option<String>,
}

impl Which {
    /// All requests.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of a verb.
    #[must_use]
    pub fn verb(verb: Verb) -> Self {
        Self { verb: Some(verb), ..Self::default() }
    }

    /// Those that change something.
    #[must_use]
    pub fn writes() -> Self {
        Self { only_writes: true, ..Self::default() }
    }

    /// Only of that resource, as RBAC names it: `leases` are the objects themselves, `pods/status` their status.
    #[must_use]
    pub fn on(self, resource: &str) -> Self {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Self { resource: Some((resource.to_owned(), subresource.to_owned())), ..self }
    }

    /// Only in that namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// Only of the object of that name; for rules about events of a watch, of the object in the event.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Only those whose body contains the text; for rules about events of a watch, whose event does.
    #[must_use]
    pub fn containing(self, text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..self }
    }

    pub(crate) fn is_about(&self, target: &Target, body: &[u8]) -> bool {
        let Target { verb, resource, subresource, namespace, name } = target;
        self.verb.is_none_or(|wanted| wanted == *verb)
            && (!self.only_writes || verb.is_write())
            && self.resource.as_ref().is_none_or(|(r, s)| r == resource && s == subresource)
            && self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
            && self.text.as_ref().is_none_or(|text| contains(body, text.as_bytes()))
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: &Method, uri: &str) -> (Verb, String) {
        let Target { verb, resource, subresource, namespace, name } =
            Target::of(method, &uri.parse().unwrap());
        (verb, format!("{namespace}|{resource}|{name}|{subresource}"))
    }

    #[test]
    fn addresses_are_read_as_the_api_server_does() {
        let own = "/apis/jumpcloud-operator.dev/v1alpha1";
        for (method, uri, verb, parts) in [
            (Method::GET, "/api/v1/namespaces", Verb::List, "|namespaces||".to_owned()),
            (Method::GET, "/api/v1/namespaces/a", Verb::Get, "|namespaces|a|".to_owned()),
            (Method::PUT, "/api/v1/namespaces/a/finalize", Verb::Update, "|namespaces|a|finalize".to_owned()),
            (Method::GET, "/api/v1/namespaces/a/secrets?limit=5", Verb::List, "a|secrets||".to_owned()),
            (Method::GET, "/api/v1/namespaces/a/secrets/b", Verb::Get, "a|secrets|b|".to_owned()),
            (Method::GET, "/api/v1/secrets?x=1&watch=true", Verb::Watch, "|secrets||".to_owned()),
            (Method::POST, "/api/v1/namespaces/a/secrets", Verb::Create, "a|secrets||".to_owned()),
            (Method::DELETE, "/api/v1/namespaces/a/secrets/b", Verb::Delete, "a|secrets|b|".to_owned()),
            (
                Method::DELETE,
                "/api/v1/namespaces/a/secrets",
                Verb::DeleteCollection,
                "a|secrets||".to_owned(),
            ),
            (Method::GET, "/readyz", Verb::Get, "|||".to_owned()),
        ] {
            assert_eq!(target(&method, uri), (verb, parts), "{uri}");
        }
        let status = format!("{own}/namespaces/a/scheduleduserstates/b/status?fieldManager=x");
        assert_eq!(
            target(&Method::PATCH, &status),
            (Verb::Patch, "a|scheduleduserstates|b|status".to_owned())
        );
    }

    #[test]
    fn every_word_narrows() {
        let target = Target::of(&Method::PATCH, &"/api/v1/namespaces/a/pods/b/status".parse().unwrap());
        let is_about = |which: &Which| which.is_about(&target, b"{\"jobID\":1}");
        assert!(is_about(&Which::all()) && is_about(&Which::writes()) && is_about(&Which::verb(Verb::Patch)));
        assert!(is_about(&Which::writes().on("pods/status").within("a").named("b").containing("jobID")));
        for wrong in [
            Which::verb(Verb::Update),
            Which::all().on("pods"),
            Which::all().on("nodes/status"),
            Which::all().within("c"),
            Which::all().named("c"),
            Which::all().containing("nonce"),
        ] {
            assert!(!is_about(&wrong), "{wrong:?}");
        }
        let read = Target { verb: Verb::Watch, ..target };
        assert!(!Which::writes().is_about(&read, b""));
    }
}
