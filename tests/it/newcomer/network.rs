//! The network of a cluster's containers: a proxy, behind which the simulator answers in JumpCloud's name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

#[path = "../../image/proxy.rs"]
mod proxy;
#[path = "../../image/server.rs"]
mod server;

use proxy::Proxy;
use server::Tls;

/// A network that ends with its runtime.
pub struct Network {
    tls: Tls,
    proxy: Proxy,
}

impl Network {
    /// One in which whatever `name` is asked for comes to `simulator`, with a certificate for this name alone.
    pub async fn leading_to(simulator: SocketAddr, name: &str) -> Self {
        let tls = Tls::before(simulator, name).await;
        let proxy = Proxy::start(tls.port).await;
        Self { tls, proxy }
    }

    /// What containers have to know of it, as variables of the operator. Keeps the authority's certificate in that folder.
    pub fn environment(&self, folder: &Path) -> BTreeMap<String, String> {
        let authority = folder.join("network.crt");
        std::fs::write(&authority, &self.tls.authority).expect("the certificate is written");
        let authority = authority.to_str().expect("a path").to_owned();
        [("JUMPCLOUD_OPERATOR_HTTPS_PROXY", self.proxy.url()), ("JUMPCLOUD_OPERATOR_CA_FILE", authority)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// Where containers wanted to go.
    pub fn asked(&self) -> Vec<String> {
        self.proxy.asked()
    }
}
