//! Bytes on the wire: connections, headers, compression, broken answers.

use std::time::Duration;

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::delivery::Delivery;
use jumpcloud_operator::jumpcloud::error::Error;
use jumpcloud_operator::runtime::clock;

use crate::responder::{Responder, Then, answer};
use crate::rig::{LONG, after, config, people, request};

const EMPTY: &str = r#"{"totalCount":0,"results":[]}"#;

fn client(server: &Responder) -> JumpCloud {
    JumpCloud::new(config(&server.url())).unwrap()
}

async fn create(client: &JumpCloud) -> Delivery {
    let permit = client.reserve().await.unwrap();
    client.bulk_create(permit, &request(&people(1)), after(LONG)).await
}

#[tokio::test]
async fn reads_share_a_connection_and_bulk_requests_never_do() {
    let server = Responder::start(answer("200 OK", br#"{"jobId":"j","results":[]}"#), Then::KeepOpen).await;
    let client = client(&server);
    for _ in 0..3 {
        client.organizations().await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    for n in 1..=3 {
        assert_eq!(create(&client).await.category(), "accepted");
        assert_eq!(server.connections(), 1 + n);
    }
}

#[tokio::test]
async fn the_headers_are_those_of_the_api() {
    let server = Responder::start(answer("200 OK", EMPTY.as_bytes()), Then::KeepOpen).await;
    let mut config = config(&server.url());
    config.organization = Some("5f1b".to_owned());
    let client = JumpCloud::new(config).unwrap();
    client.organizations().await.unwrap();
    drop(create(&client).await);
    for head in server.heads() {
        for line in ["x-api-key: simulator-key\r\n", "x-org-id: 5f1b\r\n", "accept: application/json\r\n"] {
            assert_eq!(head.matches(line).count(), 1, "{line} in {head}");
        }
        assert_eq!(head.contains("content-type: application/json\r\n"), head.starts_with("post"), "{head}");
        assert!(!head.contains("referer") && !head.contains("cookie"), "{head}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_does_not_fail_a_read() {
    let server = Responder::start(answer("200 OK", EMPTY.as_bytes()), Then::Close).await;
    let client = client(&server);
    for _ in 0..5 {
        client.organizations().await.unwrap();
    }
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn an_answer_that_is_no_http_leaves_the_outcome_unknown() {
    for bytes in [&b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..], b"HTTP/1.1 2", b"HTTP/1.1 999999 X\r\n\r\n"] {
        let server = Responder::start(bytes, Then::Close).await;
        assert_eq!(create(&client(&server)).await.category(), "unknown");
        assert_eq!(server.heads().len(), 1, "sent once");
    }
}

#[tokio::test]
async fn a_refusal_stands_though_its_explanation_never_ends() {
    let stalled = "HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\nsome words";
    let server = Responder::start(stalled, Then::KeepOpen).await;
    let begin = clock::monotonic();
    match create(&client(&server)).await {
        Delivery::Rejected { status: 400, message } => assert_eq!(message, "some words"),
        other => panic!("{other:?}"),
    }
    assert!(clock::monotonic() - begin < Duration::from_secs(20));
}

#[tokio::test]
async fn an_endless_explanation_is_cut() {
    let mut endless = b"HTTP/1.1 422 X\r\n\r\n".to_vec();
    endless.resize(20 << 20, b'x');
    let server = Responder::start(endless, Then::Close).await;
    match create(&client(&server)).await {
        Delivery::Rejected { status: 422, message } => assert_eq!(message.chars().count(), 512),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn compressed_answers_are_read_and_measured_unpacked() {
    let head = "200 OK\r\ncontent-encoding: gzip";
    let server = Responder::start(answer(head, &gzip::stored(EMPTY.as_bytes())), Then::Close).await;
    assert!(client(&server).organizations().await.unwrap().is_empty());
    assert!(server.heads()[0].contains("accept-encoding: gzip"));

    let bomb = gzip::repeated(b'[', 40_000);
    assert!(bomb.len() < 100_000, "it unfolds to 10 MB");
    let server = Responder::start(answer(head, &bomb), Then::Close).await;
    let client = client(&server);
    assert!(matches!(client.organizations().await, Err(Error::TooLarge { .. })));
    assert_eq!(create(&client).await.category(), "unknown");
}

/// Just enough of gzip (RFC 1951 and 1952) to make both kinds of answer.
mod gzip {
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

    /// `data` as it is, in one stored block.
    pub(super) fn stored(data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        let mut out = HEAD.to_vec();
        out.push(1);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(data);
        out.extend(crc32(data).to_le_bytes());
        out.extend(u32::from(length).to_le_bytes());
        out
    }

    /// `byte` once and then `copies` times 258 more, without a valid checksum.
    pub(super) fn repeated(byte: u8, copies: usize) -> Vec<u8> {
        let mut bits = Bits { out: HEAD.to_vec(), used: 8 };
        bits.push(0b011, 3); // the last block, with fixed codes
        bits.code(0x30 + u32::from(byte), 8); // a literal below 144
        for _ in 0..copies {
            bits.code(0b1100_0101, 8); // length 258
            bits.code(0, 5); // distance 1
        }
        bits.code(0, 7); // the end
        bits.out.extend([0; 8]);
        bits.out
    }

    struct Bits {
        out: Vec<u8>,
        used: u32,
    }

    impl Bits {
        /// Lowest bit first.
        fn push(&mut self, value: u32, count: u32) {
            for bit in 0..count {
                if self.used == 8 {
                    self.out.push(0);
                    self.used = 0;
                }
                *self.out.last_mut().unwrap() |= u8::from(value >> bit & 1 == 1) << self.used;
                self.used += 1;
            }
        }

        /// Highest bit first, as codes are.
        fn code(&mut self, value: u32, count: u32) {
            for bit in (0..count).rev() {
                self.push(value >> bit & 1, 1);
            }
        }
    }

    fn crc32(data: &[u8]) -> u32 {
        !data.iter().fold(!0, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
        })
    }
}
