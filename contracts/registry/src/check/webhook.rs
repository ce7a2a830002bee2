//! Webhook addresses: public https, or inside a zone. The egress step checks again what the name
//! resolves to; here the person who wrote it learns it before anything is applied.

use std::net::IpAddr;

use super::{Check, at};
use crate::finding::Text;

impl Check<'_> {
    pub(super) fn webhook(&mut self, object: &str, url: &str) {
        let place = at(object, "/sink/webhook/url");
        let (scheme, host, port) = match parts(url) {
            Ok(parts) => parts,
            Err(text) => return self.error("SB-5005", &place, text, None),
        };
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let plaintext = scheme == "http";
        let allowed = match address {
            Some(address) => {
                self.city
                    .zones
                    .iter()
                    .any(|z| z.contains(address, port) && (z.plaintext || !plaintext))
                    || (!plaintext && is_public(address))
            }
            // A name is judged by what it resolves to, at the moment of delivery.
            None => !plaintext || self.city.zones.iter().any(|z| z.plaintext),
        };
        if !allowed {
            let what = if plaintext {
                Text::new(
                    "Unverschlüsselt (http) darf nur in eine Zone geliefert werden, die das erlaubt.",
                    "plaintext (http) may only go to a zone that allows it",
                )
            } else {
                Text::new(
                    "Diese Adresse liegt in keinem öffentlichen Netz und in keiner Zone.",
                    "this address is in no public network and in no zone",
                )
            };
            self.error(
                "SB-5005",
                &place,
                what,
                Some(Text::new(
                    "https benutzen oder in city.yaml unter „zones“ Netz und Port eintragen.",
                    "Use https, or add network and port to `zones` in city.yaml.",
                )),
            );
        }
    }
}

fn parts(url: &str) -> Result<(String, String, u16), Text> {
    let broken = || {
        Text::new(
            "Das ist keine vollständige Webadresse.",
            "this is not a complete web address",
        )
    };
    let uri: http::Uri = url.parse().map_err(|_| broken())?;
    let scheme = uri.scheme_str().ok_or_else(broken)?.to_owned();
    let authority = uri.authority().ok_or_else(broken)?;
    if scheme != "http" && scheme != "https" {
        return Err(Text::new(
            "Ein Webhook ist eine https-Adresse.",
            "a webhook is an https address",
        ));
    }
    if authority.as_str().contains('@') {
        return Err(Text::new(
            "Zugangsdaten gehören nicht in die Adresse.",
            "credentials do not belong in the address",
        ));
    }
    if authority.host().is_empty() {
        return Err(broken());
    }
    let port = authority
        .port_u16()
        .unwrap_or(if scheme == "https" { 443 } else { 80 });
    Ok((scheme, authority.host().to_owned(), port))
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => {
            let [first, second, ..] = a.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(a.is_private()
                || a.is_loopback()
                || a.is_link_local()
                || a.is_unspecified()
                || a.is_broadcast()
                || a.is_multicast()
                || a.is_documentation()
                || shared
                || first == 0
                || first >= 240)
        }
        IpAddr::V6(a) => {
            !(a.is_loopback()
                || a.is_unspecified()
                || a.is_unique_local()
                || a.is_unicast_link_local()
                || a.is_multicast())
        }
    }
}
