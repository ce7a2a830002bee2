//! Webhook addresses, judged as delivery judges them. What a name resolves to is seen at delivery; here the person who
//! wrote it learns the rest before anything is applied.

use std::net::IpAddr;

use super::{Check, at};
use crate::reach::{Denied, Endpoint, Malformed, Reach};

impl Check<'_> {
    pub(super) fn webhook(&mut self, object: &str, url: &str) {
        let place = at(object, "/sink/webhook/url");
        let endpoint = match Endpoint::parse(url) {
            Ok(endpoint) => endpoint,
            Err(malformed) => return self.error(Malformed::CODE, &place, malformed.text(), None),
        };
        let reach = Reach {
            zones: &self.city.zones,
            own: &[],
            machine: |address: IpAddr| address.is_loopback(),
        };
        if let Err(denied) = reach.judge(&endpoint, None) {
            self.error(Denied::CODE, &place, denied.text(), Some(denied.hint()));
        }
    }
}
