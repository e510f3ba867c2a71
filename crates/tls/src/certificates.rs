//! Which certificate a client gets, by the name of the host that it asks for (SNI, RFC 6066 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Certificate;

/// The certificates of a listener.
#[derive(Debug)]
pub struct Certificates {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`.
    wildcards: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Certificates {
    /// These certificates. The first one is also for clients that ask for another name or for none, and where two
    /// are for the same name, the earlier one counts. None without any.
    pub fn new(certificates: &[Certificate]) -> Option<Self> {
        let default = Arc::clone(&certificates.first()?.key);
        let (mut exact, mut wildcards) = (HashMap::new(), HashMap::new());
        for certificate in certificates {
            for name in certificate.names() {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcards, parent),
                    None => (&mut exact, &**name),
                };
                names.entry(name.to_owned()).or_insert_with(|| Arc::clone(&certificate.key));
            }
        }
        Some(Self { exact, wildcards, default })
    }

    /// The certificate for a name. A wildcard stands for one label (RFC 9525 6.3).
    fn find(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let name = name.map(str::to_ascii_lowercase);
        let found = name.as_deref().and_then(|name| {
            let parent = || name.split_once('.').and_then(|(_, parent)| self.wildcards.get(parent));
            self.exact.get(name).or_else(parent)
        });
        found.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.find(hello.server_name())))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let generated = generate_simple_self_signed(names).unwrap();
        let key = generated.signing_key.serialize_pem();
        Certificate::from_pem(generated.cert.pem().as_bytes(), key.as_bytes()).unwrap()
    }

    #[test]
    fn the_name_chooses_the_certificate() {
        let all = [
            certificate(&["one.example"]),
            certificate(&["*.two.example", "two.example"]),
            certificate(&["exact.two.example", "one.example"]),
        ];
        let certificates = Certificates::new(&all).unwrap();
        let chosen = |name: Option<&str>| {
            let found = certificates.find(name);
            all.iter().position(|certificate| Arc::ptr_eq(&certificate.key, found)).unwrap()
        };
        assert_eq!(chosen(Some("one.example")), 0, "the earlier one counts");
        assert_eq!(chosen(Some("TWO.example")), 1);
        assert_eq!(chosen(Some("any.two.example")), 1);
        assert_eq!(chosen(Some("exact.two.example")), 2);
        assert_eq!(chosen(Some("a.b.two.example")), 0, "a wildcard stands for one label");
        assert_eq!(chosen(Some("elsewhere.example")), 0);
        assert_eq!(chosen(None), 0);
        assert!(Certificates::new(&[]).is_none());
    }
}
