//! Values that are refused, and what the person is told to do.

use serde_json::{Value, json};

use crate::helm::{refusal, render};

#[test]
fn contradictions_are_refused_with_what_to_do() {
    let connection = |more: Value| {
        let mut values = json!({"connection": {"enabled": true, "apiKey": {"secretName": "jc"}}});
        for (name, value) in more.as_object().into_iter().flatten() {
            values[name] = value.clone();
        }
        values
    };
    for (values, told) in [
        (json!({"replicas": 2, "leaderElection": {"enabled": false}}), "set leaderElection.enabled to true"),
        (
            json!({"caBundle": {"inline": "x", "secret": {"name": "y"}}}),
            "caBundle.inline and caBundle.secret.name exclude each other",
        ),
        (
            json!({"proxy": {"url": "http://p:1", "existingSecret": {"name": "y"}}}),
            "proxy.url and proxy.existingSecret.name exclude each other",
        ),
        (
            json!({"proxy": {"existingSecret": {"name": "y"}}, "networkPolicy": {"enabled": true}}),
            "set networkPolicy.jumpCloud.ports",
        ),
        (json!({"podDisruptionBudget": {"enabled": true, "maxUnavailable": ""}}), "set one"),
        (json!({"connection": {"enabled": true}}), "connection.apiKey.secretName"),
        (
            json!({"connection": {"enabled": true, "apiKey": {"secretName": "a"},
                "serviceAccount": {"secretName": "b"}}}),
            "exclude each other",
        ),
        (
            json!({"connection": {"enabled": true, "apiKey": {"secretName": "a"}, "apiURL": "https://a.example"}}),
            "add it to allowedAPIURLs",
        ),
        (
            json!({"connection": {"enabled": true, "apiKey": {"secretName": "a"}, "region": "EU",
                "apiURL": "https://a.example"}}),
            "connection.region and connection.apiURL exclude each other",
        ),
        (connection(json!({"watchNamespaces": ["people"]})), "add it to watchNamespaces"),
        (connection(json!({"rbac": {"secretNames": ["other"]}})), "add it to rbac.secretNames"),
        (
            json!({"secrets": {"watch": ["guests/jc"]}, "watchNamespaces": ["people"]}),
            "namespace guests is not watched: add it to watchNamespaces",
        ),
        (
            json!({"secrets": {"watch": ["people/jc"]}, "rbac": {"secretNames": ["other"]}}),
            "may not read Secrets named jc: add it to rbac.secretNames",
        ),
    ] {
        let said = refusal(&values, &[]);
        assert!(said.contains(told), "{values}: {said}");
    }
}

#[test]
fn schemas_refuse_what_no_template_could_heed() {
    for (values, named) in [
        (json!({"replica": 2}), "replica"),
        (json!({"image": {"tga": "x"}}), "tga"),
        (json!({"secrets": {"watch": true}}), "secrets"),
        (json!({"secrets": {"watch": ["jumpcloud"]}}), "secrets"),
        (json!({"secrets": {"watch": ["people/*"]}}), "secrets"),
        (json!({"secrets": {"watch": ["people/jc", "people/jc"]}}), "secrets"),
        (json!({"enabled": false}), "enabled"),
        (json!({"image": {"digest": "latest"}}), "digest"),
        (json!({"log": {"format": "xml"}}), "format"),
        (json!({"proxy": {"url": "http://user:password@proxy.example"}}), "url"),
        (json!({"allowedAPIURLs": ["https://a.example/path"]}), "allowedAPIURLs"),
        (json!({"terminationGracePeriodSeconds": 30}), "terminationGracePeriodSeconds"),
        (json!({"concurrency": 0}), "concurrency"),
        (json!({"livenessProbe": {"httpGet": {"path": "/", "port": 1}}}), "httpGet"),
        (json!({"connection": {"spec": {"auth": {}}}}), "auth"),
        (json!({"watchNamespaces": ["Not A Name"]}), "watchNamespaces"),
    ] {
        let said = refusal(&values, &[]);
        assert!(said.contains(named), "{values}: {said}");
    }
}

#[test]
fn a_monitor_of_an_unknown_kind_is_left_out_refused_or_written() {
    let values = |mode: &str| {
        json!({"metrics": {"renderMode": mode,
            "serviceMonitor": {"enabled": true}, "podMonitor": {"enabled": true}}})
    };
    let kinds = |values: &Value, more: &[&str]| {
        let rendered = crate::helm::render_with(crate::helm::OPERATOR, values, more);
        (rendered.all("ServiceMonitor").len(), rendered.all("PodMonitor").len())
    };
    let known = [
        "--api-versions=monitoring.coreos.com/v1/ServiceMonitor",
        "--api-versions=monitoring.coreos.com/v1/PodMonitor",
    ];
    assert_eq!(kinds(&values("skipIfMissing"), &[]), (0, 0));
    assert_eq!(kinds(&values("skipIfMissing"), &known), (1, 1));
    assert_eq!(kinds(&values("failIfMissing"), &known), (1, 1));
    assert_eq!(kinds(&values("alwaysRender"), &[]), (1, 1));
    let said = refusal(&values("failIfMissing"), &[]);
    assert!(said.contains("install the Prometheus operator's definitions first"), "{said}");
    assert_eq!(render(&values("skipIfMissing")).all("Service").len(), 1);
}

/// The constraint of Chart.yaml: an older cluster does not know what the definitions use.
#[test]
fn an_older_kubernetes_is_refused() {
    let said = refusal(&json!({}), &["--kube-version", "1.32.9"]);
    assert!(said.contains("1.33"), "{said}");
}
