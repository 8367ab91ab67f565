//! Keys and certificates of one control plane, valid for its life only.
//!
//! kube-apiserver's certificate is issued by a CA of its own: rustls refuses a self-signed certificate that is used directly
//! (`CaUsedAsEndEntity`), although kubectl takes it.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::error::{Error, Result};

/// The files, all in one folder.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// What clients trust.
    pub(crate) ca: PathBuf,
    /// The same as text.
    pub(crate) ca_pem: String,
    /// kube-apiserver's certificate, for 127.0.0.1 and localhost.
    pub(crate) server: PathBuf,
    /// Its key.
    pub(crate) server_key: PathBuf,
    /// The key that signs ServiceAccount tokens.
    pub(crate) service_account_key: PathBuf,
    /// Its public half, which checks them; kube-apiserver does not derive it from a PKCS #8 file.
    pub(crate) service_account_public_key: PathBuf,
}

impl Certificates {
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name.push(DnType::CommonName, "jumpcloud-operator test CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_pem = ca.self_signed(&ca_key)?.pem();

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_pem = server.signed_by(&server_key, &Issuer::new(ca, &ca_key))?.pem();

        let files = Self {
            ca: folder.join("ca.crt"),
            ca_pem,
            server: folder.join("kube-apiserver.crt"),
            server_key: folder.join("kube-apiserver.key"),
            service_account_key: folder.join("service-accounts.key"),
            service_account_public_key: folder.join("service-accounts.pub"),
        };
        write_private(&files.ca, &files.ca_pem)?;
        write_private(&files.server, &server_pem)?;
        write_private(&files.server_key, &server_key.serialize_pem())?;
        let service_accounts = KeyPair::generate()?;
        write_private(&files.service_account_key, &service_accounts.serialize_pem())?;
        write_private(&files.service_account_public_key, &service_accounts.public_key_pem())?;
        Ok(files)
    }
}

/// Writes a file that only its owner can read, in place of an earlier one.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(Error::io("write", path))
}
