//! What a container is started with: the program of its image, its arguments, its environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::expand::expand;
use super::pod::{Container, Pod, Variable};

/// Why a container does not start, as a Pod's status says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// A process that stands for a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
}

/// What the machine gives to every container.
#[derive(Debug, Default)]
pub(super) struct Site {
    /// Which program an image has.
    pub(super) images: BTreeMap<String, PathBuf>,
    /// Variables of every container.
    pub(super) environment: BTreeMap<String, String>,
    /// The node's name.
    pub(super) node: String,
}

/// What `container` is started with. `ports` are those that it declares, each with the one that it gets here.
///
/// What this node cannot give is refused: a container that runs without it would prove something else.
pub(super) fn launch(
    pod: &Pod,
    container: &Container,
    site: &Site,
    ports: &BTreeMap<u16, u16>,
) -> Result<Launch, Waiting> {
    let Some(program) = site.images.get(&container.image) else {
        let known: Vec<&str> = site.images.keys().map(String::as_str).collect();
        let message = format!("{} is not one of {}", container.image, known.join(", "));
        return Err(Waiting { reason: "ErrImagePull", message });
    };
    let missing = [
        ("a command of its own", container.command.is_empty()),
        ("envFrom", container.env_from.is_empty()),
        ("mounts", container.volume_mounts.is_empty()),
        ("containers before it", pod.spec.init_containers.is_empty()),
    ];
    if let Some((what, _)) = missing.iter().find(|(_, is_absent)| !is_absent) {
        return Err(config(format!("{} has {what}, which this node does not know", container.name)));
    }
    let mut environment = site.environment.clone();
    environment.insert("HOSTNAME".to_owned(), pod.metadata.name.clone());
    for variable in &container.env {
        let value = value(variable, pod, site, &environment)?;
        environment.insert(variable.name.clone(), value);
    }
    let arguments = container.args.iter().map(|text| moved(expand(text, &environment), ports)).collect();
    Ok(Launch { program: program.clone(), arguments, environment })
}

/// A process shares the machine's network, where a container has one of its own: what would listen on a declared port of
/// all addresses listens on a free port of 127.0.0.1.
fn moved(argument: String, ports: &BTreeMap<u16, u16>) -> String {
    for (declared, free) in ports {
        for all in ["[::]", "0.0.0.0", ""] {
            if let Some(flag) = argument.strip_suffix(&format!("={all}:{declared}")) {
                return format!("{flag}=127.0.0.1:{free}");
            }
        }
    }
    argument
}

fn value(
    variable: &Variable,
    pod: &Pod,
    site: &Site,
    before: &BTreeMap<String, String>,
) -> Result<String, Waiting> {
    let Some(source) = &variable.value_from else { return Ok(expand(&variable.value, before)) };
    let path = source.field_ref.as_ref().map(|field| field.field_path.as_str());
    let value = match path {
        Some("metadata.name") => &pod.metadata.name,
        Some("metadata.namespace") => &pod.metadata.namespace,
        Some("metadata.uid") => &pod.metadata.uid,
        Some("spec.nodeName") => &site.node,
        Some("spec.serviceAccountName") => &pod.spec.service_account_name,
        _ => {
            return Err(config(format!(
                "variable {} comes from where this node does not look",
                variable.name
            )));
        }
    };
    Ok(value.clone())
}

fn config(message: String) -> Waiting {
    Waiting { reason: "CreateContainerConfigError", message }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn launched(container: &Value) -> Result<Launch, Waiting> {
        let pod = json!({"metadata": {"name": "operator-1", "namespace": "operators"},
            "spec": {"containers": [container], "serviceAccountName": "account"}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let site = Site {
            images: [("registry.example/operator:1".to_owned(), PathBuf::from("/operator"))].into(),
            environment: [("NETWORK".to_owned(), "there".to_owned())].into(),
            node: "node".to_owned(),
        };
        launch(&pod, &pod.spec.containers[0], &site, &[(8080, 40000)].into())
    }

    #[test]
    fn arguments_and_variables_are_those_of_the_container() {
        let launched = launched(&json!({
            "image": "registry.example/operator:1",
            "args": ["run", "--lease-namespace=$(POD_NAMESPACE)", "--admin-address=[::]:8080", "--other=[::]:80"],
            "env": [
                {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                {"name": "WHO", "value": "$(HOSTNAME) of $(POD_NAMESPACE) on $(LATER)"},
                {"name": "LATER", "value": "x"},
            ],
        }))
        .unwrap();
        assert_eq!(launched.program, PathBuf::from("/operator"));
        let wanted =
            ["run", "--lease-namespace=operators", "--admin-address=127.0.0.1:40000", "--other=[::]:80"];
        assert_eq!(launched.arguments, wanted);
        let wanted = [
            ("HOSTNAME", "operator-1"),
            ("LATER", "x"),
            ("NETWORK", "there"),
            ("POD_NAMESPACE", "operators"),
            ("WHO", "operator-1 of operators on $(LATER)"),
        ];
        let found: Vec<(&str, &str)> =
            launched.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_cannot_be_given_is_refused() {
        let image = "registry.example/operator:1";
        for (container, wanted) in [
            (json!({"image": "registry.example/operator:2"}), "registry.example/operator:2 is not one of"),
            (json!({"image": image, "command": ["sh"]}), "a command of its own"),
            (json!({"image": image, "envFrom": [{"secretRef": {"name": "a"}}]}), "envFrom"),
            (json!({"image": image, "volumeMounts": [{"name": "a", "mountPath": "/a"}]}), "mounts"),
            (
                json!({"image": image, "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]}),
                "variable A",
            ),
        ] {
            let refused = launched(&container).unwrap_err();
            assert!(refused.message.contains(wanted), "{container}: {refused:?}");
        }
    }
}
