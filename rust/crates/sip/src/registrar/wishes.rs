//! What a REGISTER asks for (RFC 3261 section 10.2): read and checked as a whole before anything is done.

use super::phones::RegistrarLimits;
use crate::wire::{AddressParts, Hop, Name, Request, is_uri, text, user_of};

/// Contacts in one REGISTER; a telephone has one, or one for each of its flows.
const MAX_CONTACTS: usize = 10;
const MAX_URI_BYTES: usize = 512;
const MAX_INSTANCE_BYTES: usize = 128;
const MAX_PATHS: usize = 8;

/// The whole request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Tell what there is.
    Query,
    /// `Contact: *` with Expires 0: away with everything.
    RemoveAll,
    /// Each contact on its own.
    Contacts(Vec<WantedContact>),
}

/// One contact of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedContact {
    pub(super) uri: Vec<u8>,
    /// What is granted; 0 removes.
    pub(super) expires_s: u32,
    pub(super) q: u16,
    pub(super) instance: Option<(Vec<u8>, u32)>,
}

/// Why it is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// 400.
    Malformed,
    /// 423.
    TooBrief,
}

/// Read the contacts of a REGISTER.
pub(super) fn wish_of(request: &Request, limits: &RegistrarLimits) -> Result<Wish, Refused> {
    let contacts = request.headers.list(&Name::Contact);
    let header = request.headers.get(&Name::Expires).and_then(|value| seconds(&value));
    if contacts.is_empty() {
        return Ok(Wish::Query);
    }
    if contacts.iter().any(|contact| contact.as_slice() == b"*") {
        // RFC 3261 section 10.2.2: alone, and only to remove.
        let alone = contacts.len() == 1 && header == Some(0);
        return if alone { Ok(Wish::RemoveAll) } else { Err(Refused::Malformed) };
    }
    if contacts.len() > MAX_CONTACTS {
        return Err(Refused::Malformed);
    }
    contacts.iter().map(|contact| wanted(contact, header, limits)).collect::<Result<_, _>>().map(Wish::Contacts)
}

fn wanted(contact: &[u8], header: Option<u32>, limits: &RegistrarLimits) -> Result<WantedContact, Refused> {
    let parts = AddressParts::parse(contact).ok_or(Refused::Malformed)?;
    if !is_uri(parts.uri) || Hop::parse(parts.uri).is_none() || parts.uri.len() > MAX_URI_BYTES {
        return Err(Refused::Malformed);
    }
    let own = parts.param("expires").and_then(seconds);
    // Something unreadable counts as nothing said (RFC 3261 section 20.19 names an hour; ours is the longest we grant).
    let asked = own.or(header).unwrap_or(limits.max_expires_s);
    if asked != 0 && asked < limits.min_expires_s {
        return Err(Refused::TooBrief);
    }
    let reg_id = parts.param("reg-id").and_then(seconds).filter(|id| *id > 0);
    let instance = parts.raw_param("+sip.instance").filter(|value| value.len() <= MAX_INSTANCE_BYTES);
    Ok(WantedContact {
        uri: parts.uri.to_vec(),
        expires_s: asked.min(limits.max_expires_s),
        q: parts.param("q").map_or(1000, thousandths),
        instance: instance.map(<[u8]>::to_vec).zip(reg_id),
    })
}

/// Path values in order (RFC 3327); None if there are more than any network has.
pub(super) fn path_of(request: &Request) -> Option<Vec<Vec<u8>>> {
    let path = request.headers.list(&Name::Path);
    (path.len() <= MAX_PATHS && path.iter().all(|hop| hop.len() <= MAX_URI_BYTES)).then_some(path)
}

/// Whether two Contact URIs name the same place (RFC 3261 section 19.1.4, as far as telephones care): user, host, port
/// and transport.
pub(super) fn same_place(a: &[u8], b: &[u8]) -> bool {
    let key = |uri: &[u8]| {
        let hop = Hop::parse(uri)?;
        let transport = text(uri).to_ascii_lowercase();
        let transport = transport.split(";transport=").nth(1).unwrap_or_default();
        let end = transport.find([';', '?', '>']).unwrap_or(transport.len());
        Some((user_of(uri), hop.host, hop.port, transport.get(..end).map(str::to_owned)))
    };
    a == b || key(a).is_some_and(|key_a| Some(key_a) == key(b))
}

fn seconds(value: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(value.trim_ascii()).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // RFC 3261 section 20.19: up to 2**32-1; whoever asks for more gets the most.
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// `0.5` to 500; anything odd is 1.
fn thousandths(value: &[u8]) -> u16 {
    let text = text(value);
    let Ok(q) = text.trim().parse::<f64>() else { return 1000 };
    if !(0.0..=1.0).contains(&q) {
        return 1000;
    }
    // In range by the line above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let q = (q * 1000.0).round() as u16;
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::wire::{Message, parse};

    fn request(lines: &str) -> Request {
        let text = format!(
            "REGISTER sip:r SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@r>;tag=1\r\nTo: <sip:a@r>\r\n\
             Call-ID: 1\r\nCSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match parse(text.as_bytes(), Peer::udp("192.0.2.1:5060".parse().expect("address"))) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn wish(lines: &str) -> Result<Wish, Refused> {
        wish_of(&request(lines), &RegistrarLimits::default())
    }

    fn expires(lines: &str) -> Vec<u32> {
        match wish(lines) {
            Ok(Wish::Contacts(contacts)) => contacts.iter().map(|contact| contact.expires_s).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_parameter_counts_before_the_header_and_both_are_clamped() {
        assert_eq!(expires("Contact: <sip:a@h>;expires=120, <sip:b@h>\r\nExpires: 300\r\n"), [120, 300]);
        assert_eq!(expires("Contact: <sip:a@h>\r\n"), [3600]);
        assert_eq!(expires("Contact: <sip:a@h>;expires=99999999999\r\n"), [3600]);
        assert_eq!(expires("Contact: <sip:a@h>;expires=soon\r\n"), [3600]);
        assert_eq!(expires("Contact: <sip:a@h>\r\nExpires: 0\r\n"), [0]);
    }

    #[test]
    fn too_brief_is_told_apart_from_nonsense() {
        assert_eq!(wish("Contact: <sip:a@h>;expires=59\r\n"), Err(Refused::TooBrief));
        assert_eq!(wish("Contact: <tel:+1>\r\n"), Err(Refused::Malformed));
        assert_eq!(wish("Contact: <sip:a@h\r\n"), Err(Refused::Malformed));
        assert_eq!(wish("Contact: *\r\n"), Err(Refused::Malformed));
        assert_eq!(wish("Contact: *\r\nExpires: 60\r\n"), Err(Refused::Malformed));
        assert_eq!(wish("Contact: *, <sip:a@h>\r\nExpires: 0\r\n"), Err(Refused::Malformed));
        assert_eq!(wish("Contact: *\r\nExpires: 0\r\n"), Ok(Wish::RemoveAll));
        assert_eq!(wish(""), Ok(Wish::Query));
        let many = "Contact: <sip:a@h>\r\n".repeat(MAX_CONTACTS + 1);
        assert_eq!(wish(&many), Err(Refused::Malformed));
    }

    #[test]
    fn instance_and_reg_id_count_together_only() {
        let line = "Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\";reg-id=2;q=0.25\r\n";
        let Ok(Wish::Contacts(contacts)) = wish(line) else { panic!("contacts") };
        assert_eq!(contacts[0].instance, Some((b"\"<urn:uuid:1>\"".to_vec(), 2)));
        assert_eq!(contacts[0].q, 250);

        let Ok(Wish::Contacts(contacts)) = wish("Contact: <sip:a@h>;reg-id=2;q=7\r\n") else { panic!("contacts") };
        assert_eq!(contacts[0].instance, None);
        assert_eq!(contacts[0].q, 1000);
    }

    #[test]
    fn places_are_compared_by_what_leads_there() {
        assert!(same_place(b"sip:a@H:5060", b"sip:a@h"));
        assert!(same_place(b"sip:a@h;transport=tcp;ob", b"sip:a@h;transport=TCP"));
        assert!(!same_place(b"sip:a@h", b"sip:A@h"));
        assert!(!same_place(b"sip:a@h", b"sip:a@h;transport=tcp"));
        assert!(!same_place(b"sip:a@h:5061", b"sip:a@h"));
    }
}
