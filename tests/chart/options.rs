//! One case for each value of the chart: without it something does not hold that holds with it. A value that the templates
//! ignore fails its case, and a value without a case fails the last test.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helm::{OPERATOR, RELEASE, Rendered, file, render, set};

/// What a value comes to.
enum Shown {
    /// A field of an object; null when it is absent.
    At(&'static str, &'static str, &'static str, Value),
    /// A field of the Pod template's spec.
    Pod(&'static str, Value),
    /// A field of the operator's container.
    Container(&'static str, Value),
    /// An argument of the operator.
    Argument(&'static str),
    /// An object that is there.
    There(&'static str, &'static str),
    /// An object that is not.
    Gone(&'static str, &'static str),
}

use Shown::{Argument, At, Container, Gone, Pod, There};

impl Shown {
    fn holds(&self, rendered: &Rendered) -> bool {
        let field = |kind: &str, name: &str, pointer: &str| {
            rendered.find(kind, name).and_then(|object| object.pointer(pointer)).cloned().unwrap_or_default()
        };
        match self {
            At(kind, name, pointer, value) => field(kind, name, pointer) == *value,
            Pod(pointer, value) => {
                field("Deployment", RELEASE, &format!("/spec/template/spec{pointer}")) == *value
            }
            Container(pointer, value) => {
                field("Deployment", RELEASE, &format!("/spec/template/spec/containers/0{pointer}")) == *value
            }
            Argument(argument) => rendered.arguments().iter().any(|known| known == argument),
            There(kind, name) => rendered.find(kind, name).is_some(),
            Gone(kind, name) => rendered.find(kind, name).is_none(),
        }
    }
}

/// A value, what it is set to, what else must be set for it to matter, and what it comes to.
type Case = (&'static str, Value, Value, Shown);

const CRD: (&str, &str) = ("CustomResourceDefinition", "jumpcloudconnections.jumpcloud-operator.dev");
const TEST: &str = "jumpcloud-operator-test";

fn cases() -> Vec<Case> {
    [general(), scheduling(), flags(), outbound(), rights(), connection(), network(), monitoring(), extras()]
        .into_iter()
        .flatten()
        .collect()
}

fn general() -> Vec<Case> {
    let digest = format!("sha256:{}", "a".repeat(64));
    let image = "ghcr.io/jumpcloud-operator/jumpcloud-operator";
    let version = env!("CARGO_PKG_VERSION");
    let none = json!({});
    vec![
        (
            "global.imageRegistry",
            json!("mirror.example"),
            none.clone(),
            Container(
                "/image",
                json!(format!("mirror.example/jumpcloud-operator/jumpcloud-operator:{version}")),
            ),
        ),
        (
            "global.imagePullSecrets",
            json!(["a", {"name": "b"}]),
            json!({"imagePullSecrets": ["c", "a"]}),
            Pod("/imagePullSecrets", json!([{"name": "a"}, {"name": "b"}, {"name": "c"}])),
        ),
        ("imagePullSecrets", json!(["c"]), none.clone(), Pod("/imagePullSecrets", json!([{"name": "c"}]))),
        ("nameOverride", json!("other"), none.clone(), There("Deployment", "jumpcloud-operator-other")),
        ("fullnameOverride", json!("whole"), none.clone(), There("ServiceAccount", "whole")),
        (
            "commonLabels",
            json!({"team": "it"}),
            none.clone(),
            At("Deployment", RELEASE, "/spec/template/metadata/labels/team", json!("it")),
        ),
        (
            "commonAnnotations",
            json!({"team": "it"}),
            none.clone(),
            At("ServiceAccount", RELEASE, "/metadata/annotations/team", json!("it")),
        ),
        ("crds.enabled", json!(false), none.clone(), Gone(CRD.0, CRD.1)),
        ("crds.keep", json!(false), none.clone(), At(CRD.0, CRD.1, "/metadata/annotations", Value::Null)),
        (
            "crds.annotations",
            json!({"a": "b"}),
            none.clone(),
            At(CRD.0, CRD.1, "/metadata/annotations", json!({"a": "b", "helm.sh/resource-policy": "keep"})),
        ),
        (
            "image.registry",
            json!("r.example"),
            none.clone(),
            Container("/image", json!(format!("r.example/jumpcloud-operator/jumpcloud-operator:{version}"))),
        ),
        (
            "image.repository",
            json!("x/y"),
            none.clone(),
            Container("/image", json!(format!("ghcr.io/x/y:{version}"))),
        ),
        ("image.tag", json!("t"), none.clone(), Container("/image", json!(format!("{image}:t")))),
        (
            "image.digest",
            json!(digest),
            none.clone(),
            Container("/image", json!(format!("{image}:{version}@{digest}"))),
        ),
        ("image.pullPolicy", json!("Always"), none.clone(), Container("/imagePullPolicy", json!("Always"))),
        ("replicas", json!(3), none.clone(), At("Deployment", RELEASE, "/spec/replicas", json!(3))),
        (
            "serviceAccount.create",
            json!(false),
            json!({"serviceAccount": {"name": "theirs"}}),
            Gone("ServiceAccount", "theirs"),
        ),
        ("serviceAccount.name", json!("mine"), none.clone(), Pod("/serviceAccountName", json!("mine"))),
        (
            "serviceAccount.annotations",
            json!({"a": "b"}),
            none.clone(),
            At("ServiceAccount", RELEASE, "/metadata/annotations/a", json!("b")),
        ),
        ("tests.enabled", json!(false), none.clone(), Gone("Pod", TEST)),
        (
            "tests.connection",
            json!("people/default"),
            none,
            At(
                "Pod",
                TEST,
                "/spec/containers/1/args",
                json!(["api", "--connection=people/default", "schedules"]),
            ),
        ),
    ]
}

fn scheduling() -> Vec<Case> {
    let none = json!({});
    let selector = json!({"matchLabels": {
        "app.kubernetes.io/name": "jumpcloud-operator",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/component": "operator",
    }});
    let spread = |more: Value| {
        let mut constraint =
            json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"});
        if !more.is_null() {
            constraint["labelSelector"] = more;
        }
        constraint
    };
    let theirs = json!({"matchLabels": {"app": "x"}});
    vec![
        (
            "podSecurityContext",
            json!({"runAsUser": 7}),
            none.clone(),
            Pod("/securityContext/runAsUser", json!(7)),
        ),
        (
            "securityContext",
            json!({"runAsUser": 7}),
            none.clone(),
            Container("/securityContext/runAsUser", json!(7)),
        ),
        (
            "resources",
            json!({"limits": {"memory": "1Gi"}}),
            none.clone(),
            Container("/resources/limits/memory", json!("1Gi")),
        ),
        (
            "terminationGracePeriodSeconds",
            json!(300),
            none.clone(),
            Pod("/terminationGracePeriodSeconds", json!(300)),
        ),
        (
            "strategy",
            json!({"type": "Recreate"}),
            none.clone(),
            At("Deployment", RELEASE, "/spec/strategy", json!({"type": "Recreate"})),
        ),
        (
            "revisionHistoryLimit",
            json!(9),
            none.clone(),
            At("Deployment", RELEASE, "/spec/revisionHistoryLimit", json!(9)),
        ),
        (
            "deploymentAnnotations",
            json!({"a": "b"}),
            none.clone(),
            At("Deployment", RELEASE, "/metadata/annotations/a", json!("b")),
        ),
        (
            "podLabels",
            json!({"a": "b"}),
            none.clone(),
            At("Deployment", RELEASE, "/spec/template/metadata/labels/a", json!("b")),
        ),
        (
            "podAnnotations",
            json!({"a": "b"}),
            none.clone(),
            At("Deployment", RELEASE, "/spec/template/metadata/annotations/a", json!("b")),
        ),
        (
            "nodeSelector",
            json!({"pool": "x"}),
            none.clone(),
            Pod("/nodeSelector", json!({"kubernetes.io/os": "linux", "pool": "x"})),
        ),
        (
            "tolerations",
            json!([{"operator": "Exists"}]),
            none.clone(),
            Pod("/tolerations", json!([{"operator": "Exists"}])),
        ),
        (
            "affinity",
            json!({"podAntiAffinity": {}}),
            none.clone(),
            Pod("/affinity", json!({"podAntiAffinity": {}})),
        ),
        (
            "topologySpreadConstraints",
            json!([spread(Value::Null), spread(theirs.clone())]),
            none.clone(),
            Pod("/topologySpreadConstraints", json!([spread(selector), spread(theirs)])),
        ),
        ("priorityClassName", json!("high"), none.clone(), Pod("/priorityClassName", json!("high"))),
        ("runtimeClassName", json!("gvisor"), none.clone(), Pod("/runtimeClassName", json!("gvisor"))),
        (
            "hostAliases",
            json!([{"ip": "10.0.0.1", "hostnames": ["a"]}]),
            none.clone(),
            Pod("/hostAliases/0/ip", json!("10.0.0.1")),
        ),
        ("dnsConfig", json!({"searches": ["a"]}), none.clone(), Pod("/dnsConfig/searches", json!(["a"]))),
        ("dnsPolicy", json!("Default"), none.clone(), Pod("/dnsPolicy", json!("Default"))),
        (
            "livenessProbe",
            json!({"periodSeconds": 77}),
            none.clone(),
            Container(
                "/livenessProbe",
                json!({"httpGet": {"path": "/livez", "port": "admin"},
                    "periodSeconds": 77, "timeoutSeconds": 5, "failureThreshold": 6}),
            ),
        ),
        (
            "readinessProbe",
            json!({"periodSeconds": 77}),
            none.clone(),
            Container(
                "/readinessProbe",
                json!({"httpGet": {"path": "/readyz", "port": "admin"},
                    "periodSeconds": 77, "timeoutSeconds": 5, "failureThreshold": 3}),
            ),
        ),
        (
            "startupProbe",
            json!({"periodSeconds": 77}),
            none.clone(),
            Container(
                "/startupProbe",
                json!({"httpGet": {"path": "/livez", "port": "admin"},
                    "periodSeconds": 77, "timeoutSeconds": 5, "failureThreshold": 30}),
            ),
        ),
        (
            "podDisruptionBudget.enabled",
            json!(true),
            none,
            At("PodDisruptionBudget", RELEASE, "/spec/maxUnavailable", json!(1)),
        ),
        (
            "podDisruptionBudget.minAvailable",
            json!(2),
            json!({"podDisruptionBudget": {"enabled": true}}),
            At("PodDisruptionBudget", RELEASE, "/spec/minAvailable", json!(2)),
        ),
        (
            "podDisruptionBudget.maxUnavailable",
            json!("50%"),
            json!({"podDisruptionBudget": {"enabled": true}}),
            At("PodDisruptionBudget", RELEASE, "/spec/maxUnavailable", json!("50%")),
        ),
    ]
}

fn flags() -> Vec<Case> {
    [
        ("leaderElection.enabled", json!(false), "--leader-elect=false"),
        ("leaderElection.leaseName", json!("l"), "--lease-name=l"),
        ("leaderElection.leaseDuration", json!("61s"), "--lease-duration=61s"),
        ("leaderElection.renewDeadline", json!("26s"), "--lease-renew-deadline=26s"),
        ("leaderElection.retryPeriod", json!("3s"), "--lease-retry-period=3s"),
        ("watchNamespaces", json!(["a", "b"]), "--watch-namespace=b"),
        ("watchSelector", json!("team in (a,b)"), "--watch-selector=team in (a,b)"),
        ("allowedAPIURLs", json!(["https://a.example:8443"]), "--allowed-api-url=https://a.example:8443"),
        ("readOnly", json!(true), "--read-only=true"),
        ("concurrency", json!(7), "--concurrency=7"),
        ("timing.submitTimeout", json!("19s"), "--submit-timeout=19s"),
        ("timing.unknownQuarantine", json!("6m"), "--unknown-quarantine=6m"),
        ("timing.pollMin", json!("6s"), "--poll-min=6s"),
        ("timing.pollMax", json!("61s"), "--poll-max=61s"),
        ("timing.secretPollInterval", json!("59s"), "--secret-poll-interval=59s"),
        ("timing.cleanupTimeout", json!("11m"), "--cleanup-timeout=11m"),
        ("log.format", json!("text"), "--log-format=text"),
        ("log.level", json!("debug"), "--log-level=debug"),
        ("adminPort", json!(9090), "--admin-address=[::]:9090"),
        ("proxy.url", json!("http://proxy.example:3128"), "--https-proxy=http://proxy.example:3128"),
        ("extraArgs", json!(["--of-tomorrow=x"]), "--of-tomorrow=x"),
    ]
    .into_iter()
    .map(|(value, to, argument)| (value, to, json!({}), Argument(argument)))
    .collect()
}

fn outbound() -> Vec<Case> {
    vec![
        (
            "caBundle.inline",
            json!("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"),
            json!({}),
            At(
                "ConfigMap",
                "jumpcloud-operator-ca",
                "/data/ca.crt",
                json!("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"),
            ),
        ),
        (
            "caBundle.configMap.name",
            json!("roots"),
            json!({}),
            Pod(
                "/volumes/0",
                json!({"name": "ca-bundle", "configMap": {
                    "name": "roots", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
            ),
        ),
        (
            "caBundle.configMap.key",
            json!("k"),
            json!({"caBundle": {"configMap": {"name": "roots"}}}),
            Pod("/volumes/0/configMap/items/0/key", json!("k")),
        ),
        (
            "caBundle.secret.name",
            json!("roots"),
            json!({}),
            Pod(
                "/volumes/0",
                json!({"name": "ca-bundle", "secret": {
                    "secretName": "roots", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
            ),
        ),
        (
            "caBundle.secret.key",
            json!("k"),
            json!({"caBundle": {"secret": {"name": "roots"}}}),
            Pod("/volumes/0/secret/items/0/key", json!("k")),
        ),
        (
            "proxy.existingSecret.name",
            json!("proxy"),
            json!({}),
            Container(
                "/env/0",
                json!({"name": "JUMPCLOUD_OPERATOR_HTTPS_PROXY",
                    "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}}),
            ),
        ),
        (
            "proxy.existingSecret.key",
            json!("k"),
            json!({"proxy": {"existingSecret": {"name": "proxy"}}}),
            Container("/env/0/valueFrom/secretKeyRef/key", json!("k")),
        ),
    ]
}

fn rights() -> Vec<Case> {
    vec![
        ("rbac.create", json!(false), json!({}), Gone("ClusterRoleBinding", RELEASE)),
        (
            "rbac.secretNames",
            json!(["a"]),
            json!({}),
            At("ClusterRole", RELEASE, "/rules/3/resourceNames", json!(["a"])),
        ),
        (
            "rbac.aggregatedRoles.view",
            json!(false),
            json!({}),
            Gone("ClusterRole", "jumpcloud-operator-view"),
        ),
        (
            "rbac.aggregatedRoles.edit",
            json!(false),
            json!({}),
            Gone("ClusterRole", "jumpcloud-operator-edit"),
        ),
        (
            "rbac.aggregatedRoles.admin",
            json!(false),
            json!({}),
            Gone("ClusterRole", "jumpcloud-operator-admin"),
        ),
    ]
}

fn connection() -> Vec<Case> {
    let at = |pointer, value| At("JumpCloudConnection", "default", pointer, value);
    let with = |more: Value| {
        let mut values = json!({"connection": {"enabled": true, "apiKey": {"secretName": "jc"}}});
        for (name, value) in more.as_object().into_iter().flatten() {
            values["connection"][name] = value.clone();
        }
        values
    };
    let account = json!({"apiKey": {}, "serviceAccount": {"secretName": "oauth"}});
    vec![
        (
            "connection.enabled",
            json!(true),
            json!({"connection": {"apiKey": {"secretName": "jc"}}}),
            There("JumpCloudConnection", "default"),
        ),
        ("connection.name", json!("eu"), with(json!({})), There("JumpCloudConnection", "eu")),
        (
            "connection.namespace",
            json!("people"),
            with(json!({})),
            at("/metadata/namespace", json!("people")),
        ),
        ("connection.keep", json!(false), with(json!({})), at("/metadata/annotations", Value::Null)),
        ("connection.region", json!("EU"), with(json!({})), at("/spec/region", json!("EU"))),
        (
            "connection.apiURL",
            json!("https://a.example"),
            {
                let mut values = with(json!({}));
                values["allowedAPIURLs"] = json!(["https://a.example"]);
                values
            },
            at("/spec/apiURL", json!("https://a.example")),
        ),
        (
            "connection.organizationID",
            json!("5f1b"),
            with(json!({})),
            at("/spec/organizationID", json!("5f1b")),
        ),
        (
            "connection.apiKey.secretName",
            json!("other"),
            with(json!({})),
            at("/spec/auth", json!({"apiKey": {"secretKeyRef": {"name": "other", "key": "api-key"}}})),
        ),
        (
            "connection.apiKey.key",
            json!("k"),
            with(json!({})),
            at("/spec/auth/apiKey/secretKeyRef/key", json!("k")),
        ),
        (
            "connection.serviceAccount.secretName",
            json!("o"),
            with(account.clone()),
            at(
                "/spec/auth",
                json!({"serviceAccount": {
                    "clientIDSecretKeyRef": {"name": "o", "key": "client-id"},
                    "clientSecretSecretKeyRef": {"name": "o", "key": "client-secret"}}}),
            ),
        ),
        (
            "connection.serviceAccount.clientIDKey",
            json!("k"),
            with(account.clone()),
            at("/spec/auth/serviceAccount/clientIDSecretKeyRef/key", json!("k")),
        ),
        (
            "connection.serviceAccount.clientSecretKey",
            json!("k"),
            with(account),
            at("/spec/auth/serviceAccount/clientSecretSecretKeyRef/key", json!("k")),
        ),
        (
            "connection.spec",
            json!({"limits": {"burst": 5}, "paused": true}),
            with(json!({})),
            at("/spec/limits/burst", json!(5)),
        ),
    ]
}

fn network() -> Vec<Case> {
    let at = |pointer, value| At("NetworkPolicy", RELEASE, pointer, value);
    let on = json!({"networkPolicy": {"enabled": true}});
    let peer = json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]);
    let port = |port: u16| json!({"port": port, "protocol": "TCP"});
    vec![
        ("networkPolicy.enabled", json!(true), json!({}), at("/spec/egress/2/ports", json!([port(443)]))),
        ("networkPolicy.adminFrom", peer.clone(), on.clone(), at("/spec/ingress/0/from", peer.clone())),
        ("networkPolicy.dnsTo", peer.clone(), on.clone(), at("/spec/egress/0/to", peer.clone())),
        ("networkPolicy.kubeAPI.to", peer.clone(), on.clone(), at("/spec/egress/1/to", peer.clone())),
        (
            "networkPolicy.kubeAPI.ports",
            json!([8443]),
            on.clone(),
            at("/spec/egress/1/ports", json!([port(8443)])),
        ),
        ("networkPolicy.jumpCloud.to", peer.clone(), on.clone(), at("/spec/egress/2/to", peer)),
        (
            "networkPolicy.jumpCloud.ports",
            json!([8443]),
            on.clone(),
            at("/spec/egress/2/ports", json!([port(8443)])),
        ),
        (
            "networkPolicy.extraEgress",
            json!([{"ports": [port(1)]}]),
            on.clone(),
            at("/spec/egress/3/ports", json!([port(1)])),
        ),
        (
            "networkPolicy.extraIngress",
            json!([{"ports": [port(1)]}]),
            on,
            at("/spec/ingress/1/ports", json!([port(1)])),
        ),
    ]
}

fn monitoring() -> Vec<Case> {
    let service = |pointer, value| At("Service", "jumpcloud-operator-metrics", pointer, value);
    let on = json!({"metrics": {"service": {"enabled": true}}});
    let mut cases = vec![
        (
            "metrics.service.enabled",
            json!(true),
            json!({}),
            service("/spec/ports/0/targetPort", json!("admin")),
        ),
        ("metrics.service.port", json!(81), on.clone(), service("/spec/ports/0/port", json!(81))),
        ("metrics.service.labels", json!({"a": "b"}), on.clone(), service("/metadata/labels/a", json!("b"))),
        (
            "metrics.service.annotations",
            json!({"a": "b"}),
            on,
            service("/metadata/annotations/a", json!("b")),
        ),
        (
            "metrics.renderMode",
            json!("alwaysRender"),
            json!({"metrics": {"podMonitor": {"enabled": true}}}),
            There("PodMonitor", RELEASE),
        ),
    ];
    for (kind, values, endpoints) in [
        (
            "ServiceMonitor",
            [
                "metrics.serviceMonitor.enabled",
                "metrics.serviceMonitor.namespace",
                "metrics.serviceMonitor.labels",
                "metrics.serviceMonitor.interval",
                "metrics.serviceMonitor.scrapeTimeout",
                "metrics.serviceMonitor.relabelings",
                "metrics.serviceMonitor.metricRelabelings",
            ],
            [
                "/spec/endpoints/0/path",
                "/spec/endpoints/0/interval",
                "/spec/endpoints/0/scrapeTimeout",
                "/spec/endpoints/0/relabelings",
                "/spec/endpoints/0/metricRelabelings",
            ],
        ),
        (
            "PodMonitor",
            [
                "metrics.podMonitor.enabled",
                "metrics.podMonitor.namespace",
                "metrics.podMonitor.labels",
                "metrics.podMonitor.interval",
                "metrics.podMonitor.scrapeTimeout",
                "metrics.podMonitor.relabelings",
                "metrics.podMonitor.metricRelabelings",
            ],
            [
                "/spec/podMetricsEndpoints/0/path",
                "/spec/podMetricsEndpoints/0/interval",
                "/spec/podMetricsEndpoints/0/scrapeTimeout",
                "/spec/podMetricsEndpoints/0/relabelings",
                "/spec/podMetricsEndpoints/0/metricRelabelings",
            ],
        ),
    ] {
        let always = json!({"metrics": {"renderMode": "alwaysRender"}});
        let mut on = always.clone();
        set(&mut on, values[0], json!(true));
        let rule = json!([{"action": "keep"}]);
        cases.extend([
            (values[0], json!(true), always, At(kind, RELEASE, endpoints[0], json!("/metrics"))),
            (values[1], json!("m"), on.clone(), At(kind, RELEASE, "/metadata/namespace", json!("m"))),
            (values[2], json!({"a": "b"}), on.clone(), At(kind, RELEASE, "/metadata/labels/a", json!("b"))),
            (values[3], json!("31s"), on.clone(), At(kind, RELEASE, endpoints[1], json!("31s"))),
            (values[4], json!("9s"), on.clone(), At(kind, RELEASE, endpoints[2], json!("9s"))),
            (values[5], rule.clone(), on.clone(), At(kind, RELEASE, endpoints[3], rule.clone())),
            (values[6], rule.clone(), on, At(kind, RELEASE, endpoints[4], rule)),
        ]);
    }
    cases
}

fn extras() -> Vec<Case> {
    let none = json!({});
    vec![
        (
            "extraEnv",
            json!([{"name": "A", "value": "b"}]),
            none.clone(),
            Container("/env", json!([{"name": "A", "value": "b"}])),
        ),
        (
            "extraEnvFrom",
            json!([{"configMapRef": {"name": "a"}}]),
            none.clone(),
            Container("/envFrom", json!([{"configMapRef": {"name": "a"}}])),
        ),
        (
            "extraVolumes",
            json!([{"name": "a", "emptyDir": {}}]),
            none.clone(),
            Pod("/volumes", json!([{"name": "a", "emptyDir": {}}])),
        ),
        (
            "extraVolumeMounts",
            json!([{"name": "a", "mountPath": "/a"}]),
            none.clone(),
            Container("/volumeMounts", json!([{"name": "a", "mountPath": "/a"}])),
        ),
        (
            "extraContainers",
            json!([{"name": "side", "image": "x"}]),
            none.clone(),
            Pod("/containers/1/name", json!("side")),
        ),
        (
            "extraObjects",
            json!([
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}},
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-x\n",
            ]),
            none,
            There("ConfigMap", "jumpcloud-operator-x"),
        ),
    ]
}

#[test]
fn every_value_does_what_it_says() {
    for (value, to, with, shown) in cases() {
        let mut values = with.clone();
        set(&mut values, value, to);
        assert!(!shown.holds(&render(&with)), "{value}: what it should come to holds without it");
        let rendered = render(&values);
        assert!(shown.holds(&rendered), "{value} is ignored: {values}\n{:#?}", rendered.0);
    }
}

/// Values without a case, each with the test that has it.
const ELSEWHERE: &[(&str, &str)] = &[("enabled", "refused::schemas_refuse_what_no_template_could_heed")];

#[test]
fn every_value_has_a_case() {
    let schema: Value = serde_json::from_str(&file(OPERATOR, "values.schema.json")).unwrap();
    let mut values = BTreeSet::new();
    leaves(&schema, "", &mut values);
    let known: BTreeSet<String> = cases()
        .iter()
        .map(|(value, ..)| (*value).to_owned())
        .chain(ELSEWHERE.iter().map(|(value, _)| (*value).to_owned()))
        .collect();
    assert_eq!(values, known);
}

/// The dotted paths of values that have a default, which groups of values have not.
fn leaves(schema: &Value, path: &str, values: &mut BTreeSet<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if inner.get("default").is_some() {
            values.insert(path);
        } else {
            leaves(inner, &path, values);
        }
    }
}
