//! Addresses (`"Name" <sip:user@host>;tag=x`), lists and parameters (RFC 3261 sections 20.10 and 25.1).
//!
//! Tolerant on purpose: a display name may be anything, for the telephone network's names are. Only quotes, angle
//! brackets and the separators outside them are understood.

/// The parts of one address value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressParts<'a> {
    /// The URI without brackets; not checked.
    pub(crate) uri: &'a [u8],
    /// Header parameters, from the first `;` behind the URI on. May be empty.
    pub(crate) params: &'a [u8],
}

impl<'a> AddressParts<'a> {
    /// Take an address apart. None if a quote or bracket never closes or the URI is empty.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let (uri, params) = match find_outside_quotes(value, b'<') {
            Found::At(open) => {
                let rest = value.get(open + 1..)?;
                let close = rest.iter().position(|byte| *byte == b'>')?;
                (rest.get(..close)?, rest.get(close + 1..)?)
            }
            Found::Nowhere => match value.iter().position(|byte| *byte == b';') {
                Some(at) => value.split_at_checked(at)?,
                None => (value, &[][..]),
            },
            Found::OpenQuote => return None,
        };
        let uri = uri.trim_ascii();
        (!uri.is_empty()).then_some(Self { uri, params })
    }

    /// A header parameter, quotes taken off.
    pub(crate) fn param(&self, name: &str) -> Option<&'a [u8]> {
        param(self.params, name)
    }

    /// A header parameter as it is written.
    pub(crate) fn raw_param(&self, name: &str) -> Option<&'a [u8]> {
        split_outside(self.params, b';').find_map(|part| {
            let (key, value) = part.split_at_checked(part.iter().position(|byte| *byte == b'=')?)?;
            key.trim_ascii()
                .eq_ignore_ascii_case(name.as_bytes())
                .then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    /// The tag parameter, empty when there is none.
    pub(crate) fn tag(&self) -> &'a [u8] {
        param(self.params, "tag").unwrap_or_default()
    }
}

enum Found {
    At(usize),
    Nowhere,
    OpenQuote,
}

fn find_outside_quotes(value: &[u8], wanted: u8) -> Found {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if !quoted && *byte == wanted => return Found::At(at),
            _ => {}
        }
    }
    if quoted { Found::OpenQuote } else { Found::Nowhere }
}

/// Split a list at the commas outside quotes and angle brackets; empty items are left out.
pub(crate) fn split_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside(value, b',')
}

fn split_outside(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    value
        .split(move |byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'<' if !quoted => angle = true,
                b'>' if !quoted => angle = false,
                _ if !quoted && !angle => return *byte == separator,
                _ => {}
            }
            false
        })
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

/// The value of a `;name=value` parameter, quotes taken off. None if it is missing or has no value.
pub(crate) fn param<'a>(params: &'a [u8], name: &str) -> Option<&'a [u8]> {
    params_of(params).find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).and_then(|(_, value)| value)
}

/// Whether there is a parameter of this name, with or without value.
pub(crate) fn has_param(params: &[u8], name: &str) -> bool {
    params_of(params).any(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
}

/// Every parameter of `;a=b;c`.
pub(crate) fn params_of(params: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    split_outside(params, b';').map(|part| match part.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (key, value) = part.split_at(at);
            (key.trim_ascii(), Some(unquote(value.get(1..).unwrap_or_default().trim_ascii())))
        }
        None => (part, None),
    })
}

fn unquote(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(value: &str) -> (String, String) {
        let parts = AddressParts::parse(value.as_bytes()).expect("readable");
        (super::super::text(parts.uri), super::super::text(parts.tag()))
    }

    #[test]
    fn a_quoted_name_may_hold_brackets_semicolons_and_escapes() {
        let (uri, tag) = address(r#""Doe <x>; \" y" <sip:a@b;user=phone>;tag=1;x="a;tag=9""#);

        assert_eq!(uri, "sip:a@b;user=phone");
        assert_eq!(tag, "1");
    }

    #[test]
    fn without_brackets_parameters_belong_to_the_header() {
        assert_eq!(address("sip:a@b;tag=7"), ("sip:a@b".to_owned(), "7".to_owned()));
    }

    #[test]
    fn a_name_in_latin_1_without_quotes_is_no_obstacle() {
        let parts = AddressParts::parse(b"J\xf6rg Sch\xe4fer <sip:a@b>;tag=q").expect("readable");

        assert_eq!(parts.uri, b"sip:a@b");
        assert_eq!(parts.tag(), b"q");
    }

    #[test]
    fn open_quotes_and_brackets_are_refused() {
        assert_eq!(AddressParts::parse(b"\"abc <sip:a@b>"), None);
        assert_eq!(AddressParts::parse(b"<sip:a@b"), None);
        assert_eq!(AddressParts::parse(b"<>"), None);
    }

    #[test]
    fn a_list_is_split_at_its_own_commas_only() {
        let items: Vec<&[u8]> = split_list(b"\"a,b\" <sip:x,y@h>;p=1 , <sip:z@h>,,").collect();

        assert_eq!(items, [b"\"a,b\" <sip:x,y@h>;p=1".as_slice(), b"<sip:z@h>".as_slice()]);
    }
}
