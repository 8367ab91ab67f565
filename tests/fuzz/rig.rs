//! A client, and a server whose next answer is anybody's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jumpcloud_operator::jumpcloud::auth::{Credential, ServiceAccount};
use jumpcloud_operator::jumpcloud::bucket::Limits;
use jumpcloud_operator::jumpcloud::client::{BulkRequest, ClientConfig, JumpCloud};
use jumpcloud_operator::jumpcloud::delivery::Delivery;
use jumpcloud_operator::jumpcloud::endpoint::Endpoint;
use jumpcloud_operator::jumpcloud::throttle::Throttle;
use jumpcloud_operator::runtime::clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::documents::KEY;

/// The most that one read may take. Far more than it does.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Rig {
    runtime: Runtime,
    answer: Arc<Mutex<Vec<u8>>>,
    url: String,
    pub client: JumpCloud,
}

impl Rig {
    pub fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let answer = Arc::new(Mutex::new(Vec::new()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let given = Arc::clone(&answer);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = given.lock().unwrap().clone();
                // A connection that breaks is the client's to judge.
                tokio::spawn(async move { drop(serve(stream, &answer).await) });
            }
        });
        let client = client(&url, Credential::ApiKey(KEY.into()));
        Self { runtime, answer, url, client }
    }

    /// A client that has met no refusal yet.
    pub fn fresh(&self) -> JumpCloud {
        client(&self.url, Credential::ApiKey(KEY.into()))
    }

    /// A client that has no token yet.
    pub fn service_account(&self) -> JumpCloud {
        let account = ServiceAccount { client_id: "an-id".into(), client_secret: KEY.into() };
        client(&self.url, Credential::ServiceAccount(account))
    }

    /// Asks while the server answers with `answer`. Panics when that takes too long.
    pub fn ask<T>(&self, answer: Vec<u8>, question: impl Future<Output = T>) -> T {
        *self.answer.lock().unwrap() = answer;
        let begin = clock::monotonic();
        let said = self.runtime.block_on(question);
        let took = clock::monotonic() - begin;
        assert!(took < PATIENCE, "took {took:?}");
        said
    }
}

/// Reads one request, gives the answer, and closes.
async fn serve(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    stream.write_all(answer).await?;
    stream.shutdown().await
}

fn client(url: &str, credential: Credential) -> JumpCloud {
    let endpoint = Endpoint::origin(url).unwrap();
    let throttle = Throttle::new(Limits::new(1_000_000, 1_000_000));
    let mut config = ClientConfig::new(endpoint, credential, throttle);
    config.request_timeout = PATIENCE;
    JumpCloud::new(config).unwrap()
}

/// Sends a bulk request.
#[expect(clippy::disallowed_methods, reason = "the client is tested without a cluster, so without intents")]
pub async fn create(client: &JumpCloud) -> Delivery {
    let request = BulkRequest { body: b"[]".as_slice().into(), suppress_email: true, creation_source: None };
    let permit = client.reserve().await.unwrap();
    client.bulk_create(permit, &request, clock::monotonic() + PATIENCE).await
}

/// An answer with this status and these headers.
pub fn answer(status: u16, headers: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(b"connection: close\r\n");
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
