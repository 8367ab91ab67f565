//! Somebody who listens where no key may come.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Takes every connection, and keeps what is said.
pub struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Listens on the loopback address. Who asks gets no useful answer.
    pub async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut said = vec![0; 16 * 1024];
                    let length = stream.read(&mut said).await.unwrap_or_default();
                    said.truncate(length);
                    kept.lock().expect("nobody panicked").push(said);
                    drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await);
                });
            }
        });
        Self { port, heard, task }
    }

    /// Where.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first bytes of every connection.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().expect("nobody panicked").clone()
    }

    /// Asserts that nobody has come.
    pub fn heard_nothing(&self, what: &str) {
        let heard: Vec<_> =
            self.heard().iter().map(|said| String::from_utf8_lossy(said).into_owned()).collect();
        assert!(heard.is_empty(), "{what}: {heard:?}");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
