//! A name server that knows one name.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

/// The address: on this machine's loopback, where nobody else listens at port 53.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 53);

/// A server that ends with its runtime.
pub(crate) struct Names {
    pub(crate) address: Ipv4Addr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    /// Answers 127.0.0.1 for `known`. Port 53, since no resolv.conf can name another, takes the rights of root.
    pub(crate) async fn serve(known: &'static str) -> Self {
        let socket = UdpSocket::bind((ADDRESS, 53)).await.unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut query = [0_u8; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let Some((name, reply)) = answer(query.get(..length).unwrap_or_default(), known) else {
                    continue;
                };
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                // Who asked may have gone.
                drop(socket.send_to(&reply, from).await);
            }
        });
        Self { address: ADDRESS, asked }
    }

    /// The names that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The name in a query (RFC 1035, 4.1), and what is answered.
fn answer(query: &[u8], known: &str) -> Option<(String, Vec<u8>)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).into_owned());
        at += length;
    }
    let name = labels.join(".").to_lowercase();
    let kind = query.get(at..at + 2)?;
    let question = query.get(12..at + 4)?;
    let is_known = name == known;
    let has_address = is_known && kind == [0, 1];
    // The same id; an answer, with recursion; no such name unless it is known.
    let mut reply = query.get(..2)?.to_vec();
    reply.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    reply.extend(question);
    if has_address {
        // The name as in the question, an address, of the Internet, for 60 s.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some((name, reply))
}
