//! TLS settings read from files, and read again while running.
//!
//! A new set of files is read and checked as a whole before it replaces the old one: whoever has half copied a
//! certificate loses nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The certificate first, then those that vouch for it.
    pub chain: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Where TLS finds what it needs. Everything may be absent: then we have no TLS listener and trust the system's roots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// Ours, for who connects to us. Chosen by the name asked for (SNI); the first when no name fits.
    pub certificates: Vec<CertificateFiles>,
    /// PEM: who connects must show a certificate that one of these vouches for.
    pub client_ca: Option<PathBuf>,
    /// PEM: gateways must show a certificate that one of these vouches for; without it, one of the system's roots.
    pub ca: Option<PathBuf>,
    /// Ours, for gateways that ask for one.
    pub own: Option<CertificateFiles>,
}

/// The present settings, shared by the stream thread and whoever reloads.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    present: RwLock<Present>,
}

#[derive(Debug, Clone)]
struct Present {
    server: Option<Arc<ServerConfig>>,
    /// Filled with the first connection of ours when it needs no files but the system's: those take milliseconds.
    client: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// Read the files. The error says which file and what is wrong with it.
    pub fn load(files: TlsFiles) -> Result<Self, String> {
        let present = RwLock::new(read(&files)?);
        Ok(Self { files, present })
    }

    /// Read the files again. On an error everything stays as it is; open connections do in any case.
    pub fn reload(&self) -> Result<(), String> {
        let fresh = read(&self.files)?;
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Whether there is a certificate to serve with.
    pub fn can_serve(&self) -> bool {
        self.present().server.is_some()
    }

    pub(crate) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.present().server
    }

    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, String> {
        let present = self.present();
        if let Some(ready) = present.client.get() {
            return Ok(Arc::clone(ready));
        }
        let made = Arc::new(read_client(&self.files, &Arc::new(ring::default_provider()))?);
        Ok(Arc::clone(present.client.get_or_init(|| made)))
    }

    fn present(&self) -> Present {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(files: &TlsFiles) -> Result<Present, String> {
    let provider = Arc::new(ring::default_provider());
    let client = OnceLock::new();
    if files.ca.is_some() || files.own.is_some() {
        let _ = client.set(Arc::new(read_client(files, &provider)?));
    }
    Ok(Present { server: read_server(files, &provider)?, client: Arc::new(client) })
}

fn read_server(files: &TlsFiles, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<ServerConfig>>, String> {
    if files.certificates.is_empty() {
        return Ok(None);
    }
    let keys = files.certificates.iter().map(|pair| read_key(pair, provider)).collect::<Result<Vec<_>, _>>()?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(read_roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    Ok(Some(Arc::new(builder.with_cert_resolver(Arc::new(ByName(keys))))))
}

fn read_client(files: &TlsFiles, provider: &Arc<CryptoProvider>) -> Result<ClientConfig, String> {
    let roots = match &files.ca {
        Some(path) => read_roots(path)?,
        None => native_roots(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    let builder = builder.with_root_certificates(roots);
    match &files.own {
        None => Ok(builder.with_no_client_auth()),
        Some(own) => {
            let (chain, key) = (read_chain(&own.chain)?, read_private(&own.key)?);
            let wrong = |error| format!("{} with {}: {error}", own.chain.display(), own.key.display());
            builder.with_client_auth_cert(chain, key).map_err(wrong)
        }
    }
}

fn native_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(read_chain(path)?);
    if added == 0 { Err(format!("{} holds no usable CA certificate", path.display())) } else { Ok(roots) }
}

fn read_key(files: &CertificateFiles, provider: &Arc<CryptoProvider>) -> Result<Arc<CertifiedKey>, String> {
    let (chain, key) = (read_chain(&files.chain)?, read_private(&files.key)?);
    let wrong = |error| format!("{} with {}: {error}", files.chain.display(), files.key.display());
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(wrong)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error| format!("cannot read certificates from {}: {error}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if chain.is_empty() { Err(format!("{} holds no PEM certificate", path.display())) } else { Ok(chain) }
}

fn read_private(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| format!("cannot read a key from {}: {error}", path.display()))
}

/// Certificates chosen by the name the client asks for; the first if it asks for none that we have.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = asked.and_then(|name| self.0.iter().find(|key| is_for(key, &name)));
        named.or(self.0.first()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = key.end_entity_cert().ok().and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    leaf.is_some_and(|leaf| verify_server_name(&leaf, name).is_ok())
}
