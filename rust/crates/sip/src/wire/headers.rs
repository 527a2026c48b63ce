//! The header fields of one message, values unfolded and trimmed.

use std::borrow::Cow;

use super::address::split_list;

pub(crate) use sipx_sip::HeaderName as Name;

/// Header fields in wire order. Compact names and odd capitals are resolved by [`Name`].
#[derive(Debug)]
pub(crate) struct Headers(pub(super) sipx_sip::Headers);

impl Headers {
    /// The first value of this name.
    pub(crate) fn get(&self, name: &Name) -> Option<Cow<'_, [u8]>> {
        self.0.value(name)
    }

    /// Every field of this name, one entry per line.
    pub(crate) fn lines<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.0.get_all(name).map(sipx_sip::Header::value)
    }

    /// Every value of a list header: separate lines and comma-joined ones mean the same (RFC 3261 section 7.3.1).
    pub(crate) fn list(&self, name: &Name) -> Vec<Vec<u8>> {
        self.lines(name).flat_map(|line| split_list(&line).map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
    }

    /// A header that is a number, with whatever parameters or comments behind it (Retry-After).
    pub(crate) fn number(&self, name: &Name) -> Option<u32> {
        let value = self.get(name)?;
        let digits = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        std::str::from_utf8(value.get(..digits)?).ok()?.parse().ok()
    }

    /// Every header as text, at most `limit`.
    pub(crate) fn to_text(&self, limit: usize) -> Vec<(String, String)> {
        self.0
            .iter()
            .take(limit)
            .map(|header| (super::text(header.name().canonical()), super::text(&header.value())))
            .collect()
    }
}
