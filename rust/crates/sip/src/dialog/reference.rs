//! The text form of a dialog, kept in the journal so that a dialog can be ended after a crash.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::dialog::Dialog;
use crate::peer::{Peer, Transport};
use crate::wire::{is_safe_value, is_token, is_uri, text};

/// JSON of `Incoming`, `Answered` and `EndDialog`. An INVITE without an answer has no `remote_tag`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DialogRef {
    role: Role,
    call_id: String,
    local_tag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_tag: Option<String>,
    local_uri: String,
    remote_uri: String,
    remote_target: String,
    #[serde(default)]
    routes: Vec<String>,
    peer: SocketAddr,
    /// `udp` when absent: texts of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    /// CSeq of our last request.
    #[serde(default)]
    cseq: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Uac,
    Uas,
}

/// A dialog read back.
#[derive(Debug)]
pub(crate) enum Recovered {
    /// Ours, never answered as far as the journal knows: CANCEL.
    Calling(Dialog),
    /// Answered, or theirs: BYE.
    Confirmed(Dialog),
}

impl DialogRef {
    /// The text for a dialog where they called us.
    pub(crate) fn uas(dialog: &Dialog) -> String {
        Self::write(Role::Uas, dialog)
    }

    /// The text for a dialog where we called.
    pub(crate) fn uac(dialog: &Dialog) -> String {
        Self::write(Role::Uac, dialog)
    }

    fn write(role: Role, dialog: &Dialog) -> String {
        let form = Self {
            role,
            call_id: text(&dialog.call_id),
            local_tag: text(&dialog.local_tag),
            remote_tag: Some(text(&dialog.remote_tag)),
            local_uri: uri_of(&dialog.local),
            remote_uri: uri_of(&dialog.remote),
            remote_target: text(&dialog.target),
            routes: dialog.routes.iter().map(|route| text(route)).collect(),
            peer: dialog.peer.address,
            transport: dialog.peer.transport.is_reliable().then(|| dialog.peer.transport.as_str().to_owned()),
            cseq: dialog.local_cseq,
        };
        // A struct of texts and numbers has nothing serde_json could refuse.
        serde_json::to_string(&form).unwrap_or_default()
    }

    /// Read a text. None if it is not such a text or holds what cannot be written into a message.
    pub(crate) fn read(json: &str) -> Option<Recovered> {
        let form: Self = serde_json::from_str(json).ok()?;
        let remote_tag = form.remote_tag.unwrap_or_default();
        let early = form.role == Role::Uac && remote_tag.is_empty();
        let safe = is_token(form.local_tag.as_bytes())
            && is_safe_value(form.call_id.as_bytes())
            && is_safe_value(remote_tag.as_bytes())
            && [&form.local_uri, &form.remote_uri, &form.remote_target].iter().all(|uri| is_uri(uri.as_bytes()));
        if !safe {
            return None;
        }
        let transport = form.transport.as_deref().map_or(Some(Transport::Udp), Transport::parse)?;
        let tagged = |uri: &str, tag: &str| match tag {
            "" => format!("<{uri}>").into_bytes(),
            tag => format!("<{uri}>;tag={tag}").into_bytes(),
        };
        let dialog = Dialog {
            local: tagged(&form.local_uri, &form.local_tag),
            remote: tagged(&form.remote_uri, &remote_tag),
            call_id: form.call_id.into_bytes(),
            local_tag: form.local_tag.into_bytes(),
            remote_tag: remote_tag.into_bytes(),
            target: form.remote_target.into_bytes(),
            routes: form.routes.into_iter().map(String::into_bytes).collect(),
            local_cseq: form.cseq,
            remote_cseq: None,
            secure: false,
            peer: Peer::new(transport, form.peer),
        };
        Some(if early { Recovered::Calling(dialog) } else { Recovered::Confirmed(dialog) })
    }
}

fn uri_of(address: &[u8]) -> String {
    crate::wire::AddressParts::parse(address).map(|parts| text(parts.uri)).unwrap_or_default()
}
