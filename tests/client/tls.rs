//! Whose certificates are trusted.

use std::sync::Arc;
use std::time::Duration;

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::delivery::{Delivery, NotSent, Refusal};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Certificate;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::responder::{Responder, Then, answer, talk};
use crate::rig::{LONG, after, config, people, request};

/// A server for `localhost`, and the certificate of the authority that vouches for it.
async fn server() -> (Responder, Certificate) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let responder = Responder::serve(move |stream, seen| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await?;
            talk(stream, &answer("200 OK", br#"{"jobId":"j1"}"#), Then::KeepOpen, &seen).await
        }
    })
    .await;
    (responder, Certificate::from_der(authority.der()).unwrap())
}

async fn create(host: &str, server: &Responder, extra_roots: Vec<Certificate>, time: Duration) -> Delivery {
    let mut config = config(&format!("https://{host}:{}", server.address.port()));
    config.extra_roots = extra_roots;
    let client = JumpCloud::new(config).unwrap();
    let permit = client.reserve().await.unwrap();
    client.bulk_create(permit, &request(&people(1)), after(time)).await
}

#[tokio::test]
async fn an_extra_root_is_trusted_and_a_foreign_one_is_not() {
    let (server, root) = server().await;
    let (_, foreign) = self::server().await;
    assert_eq!(create("localhost", &server, vec![root.clone()], LONG).await.category(), "accepted");
    assert_eq!(server.heads().len(), 1);
    for (host, roots) in [("localhost", vec![foreign]), ("localhost", Vec::new()), ("127.0.0.1", vec![root])]
    {
        let delivery = create(host, &server, roots, Duration::from_secs(2)).await;
        let not_sent = matches!(&delivery, Delivery::Refused(Refusal::NotSent(NotSent::Connect { .. })));
        assert!(not_sent, "{host}: {delivery:?}");
    }
    assert_eq!(server.heads().len(), 1, "the key went to nobody else");
}
