//! Offer and answer (RFC 3264).

use std::net::{IpAddr, SocketAddr};

use super::crypto::{Crypto, Offered};
use super::parse::{Description, Media};
use super::write::{Audio, Origin, Stream, events_beside, write};
use super::{Codec, Direction, Events, Negotiated};
use crate::command::LocalMedia;

/// Why SDP cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No audio stream over RTP with an address.
    NoAudio,
    /// One side wants SRTP and the other cannot or will not.
    NoSrtp,
    /// Audio, but none of our codecs.
    NoCodec,
    /// The other address family than our RTP.
    OtherFamily,
}

/// Our answer to an offer: its text and what is agreed.
pub(crate) fn answer_offer(
    offer: &Description,
    local: &LocalMedia,
    origin: Origin,
) -> Result<(String, Negotiated), Refusal> {
    let (index, audio) = offer.audio().ok_or(Refusal::NoAudio)?;
    let (codec, payload_type) = choose_by(&local.codecs, audio).ok_or(Refusal::NoCodec)?;
    let mut agreed = negotiated(audio, codec, payload_type, local)?;
    let chosen = choose_crypto(audio, local)?;
    agreed.crypto = chosen.map(|(_, crypto)| crypto);
    // An answer uses the numbers of the offer.
    agreed.accepts[0] = Some((payload_type, codec));
    agreed.accepts_dtmf[0] = agreed.dtmf;
    let streams = offer
        .media
        .iter()
        .enumerate()
        .map(|(at, media)| if at == index { answered(&agreed, audio, chosen) } else { Stream::Refused(media) })
        .collect::<Vec<_>>();
    Ok((write(local.rtp, origin, &streams), agreed))
}

fn answered<'a>(agreed: &Negotiated, audio: &'a Media, chosen: Option<(u32, Crypto)>) -> Stream<'a> {
    Stream::Audio(Audio {
        protocol: &audio.protocol,
        codecs: vec![(agreed.payload_type, agreed.codec)],
        dtmf: agreed.dtmf.into_iter().collect(),
        direction: audio.direction.mirrored(),
        ptime_ms: agreed.ptime_ms,
        crypto: chosen.map(|(tag, crypto)| (tag, crypto.suite, crypto.local)).into_iter().collect(),
    })
}

/// What their answer to our offer agrees on: the first of their formats that is one of ours.
pub(crate) fn accept_answer(answer: &Description, local: &LocalMedia) -> Result<Negotiated, Refusal> {
    let (_, audio) = answer.audio().ok_or(Refusal::NoAudio)?;
    let common: Vec<(Codec, u8)> = audio
        .formats
        .iter()
        .filter_map(|format| codec_of(audio, format).filter(|(codec, _)| local.codecs.contains(codec)))
        .collect();
    let &(codec, payload_type) = common.first().ok_or(Refusal::NoCodec)?;
    let mut agreed = negotiated(audio, codec, payload_type, local)?;
    agreed.crypto = choose_crypto(audio, local)?.map(|(_, crypto)| crypto);
    // They send by our numbers, any format both sides listed.
    for (slot, (codec, _)) in agreed.accepts.iter_mut().zip(&common) {
        *slot = Some((codec.payload_type(), *codec));
    }
    for (slot, events) in agreed.accepts_dtmf.iter_mut().zip(events_beside(&local.codecs)) {
        *slot = Some(events);
    }
    Ok(agreed)
}

/// The keys of both sides and the tag they were offered under; `None` for media in the clear.
///
/// In an answer to us there is one line, and it repeats a suite of ours; which tag does not matter, as all have one key.
fn choose_crypto(audio: &Media, local: &LocalMedia) -> Result<Option<(u32, Crypto)>, Refusal> {
    match (local.crypto, audio.crypto.first()) {
        (Some(ours), Some(&Offered { tag, suite, key })) => {
            Ok(Some((tag, Crypto { suite, local: ours.key, remote: key })))
        }
        (Some(ours), None) if !ours.required && !audio.is_secure() => Ok(None),
        (None, _) if !audio.is_secure() => Ok(None),
        _ => Err(Refusal::NoSrtp),
    }
}

/// Our order of preference decides, as the trunk's settings say.
fn choose_by(codecs: &[Codec], audio: &Media) -> Option<(Codec, u8)> {
    codecs.iter().find_map(|wanted| {
        audio.formats.iter().find_map(|format| codec_of(audio, format).filter(|(codec, _)| codec == wanted))
    })
}

/// Whether an offer has any of these codecs.
pub(super) fn has_any(audio: &Media, codecs: &[Codec]) -> bool {
    choose_by(codecs, audio).is_some()
}

/// A format of the `m=` line as a codec: by its rtpmap, or by the static types of RFC 3551.
fn codec_of(audio: &Media, format: &str) -> Option<(Codec, u8)> {
    let payload_type: u8 = format.parse().ok().filter(|number| *number < 128)?;
    let codec = match audio.maps.iter().find(|(number, _, _)| *number == payload_type) {
        Some((_, name, clock_hz)) => Codec::of_encoding(name, *clock_hz)?,
        None => Codec::of_static_type(payload_type)?,
    };
    Some((codec, payload_type))
}

fn negotiated(audio: &Media, codec: Codec, payload_type: u8, local: &LocalMedia) -> Result<Negotiated, Refusal> {
    let address = audio.address.ok_or(Refusal::NoAudio)?;
    // 0.0.0.0 is the hold of RFC 2543; its family says nothing.
    if !address.is_unspecified() && address.is_ipv4() != local.rtp.is_ipv4() {
        return Err(Refusal::OtherFamily);
    }
    Ok(Negotiated {
        dtmf: telephone_event(audio, codec.clock_hz()),
        ptime_ms: ptime(audio),
        fec: has_parameter(audio, payload_type, "useinbandfec=1"),
        dtx: has_parameter(audio, payload_type, "usedtx=1"),
        rtcp: audio.rtcp.map(|(port, ip)| SocketAddr::new(ip.unwrap_or(address), port)),
        send: audio.direction.receives() && !address.is_unspecified(),
        receive: audio.direction.sends(),
        ..Negotiated::new(SocketAddr::new(address, audio.port), codec, payload_type)
    })
}

/// The events with the clock of the audio, else those with another. Only a payload type the `m=` line lists counts.
fn telephone_event(audio: &Media, clock_hz: u32) -> Option<Events> {
    let listed = audio.maps.iter().filter(|(number, name, clock_hz)| {
        name == "telephone-event"
            && matches!(clock_hz, 8000 | 48_000)
            && audio.formats.iter().any(|format| *format == number.to_string())
    });
    listed
        .map(|&(payload_type, _, clock_hz)| Events { payload_type, clock_hz })
        .min_by_key(|events| events.clock_hz != clock_hz)
}

fn has_parameter(audio: &Media, payload_type: u8, wanted: &str) -> bool {
    let parameters = audio.parameters.iter().filter(|(number, _)| *number == payload_type);
    parameters.flat_map(|(_, text)| text.split(';')).any(|parameter| parameter.trim() == wanted)
}

/// What they want to receive, in whole 10 ms from 10 to 60; 20 if they do not say (RFC 3551).
fn ptime(audio: &Media) -> u32 {
    let wanted = audio.ptime_ms.unwrap_or(20).min(audio.maxptime_ms.unwrap_or(u32::MAX));
    (wanted / 10 * 10).clamp(10, 60)
}

/// Whether the far end put us on hold: it wants no media from us.
pub(crate) fn is_hold(description: &Description) -> bool {
    description.audio().is_some_and(|(_, audio)| {
        matches!(audio.direction, Direction::SendOnly | Direction::Inactive)
            || audio.address.is_some_and(|address: IpAddr| address.is_unspecified())
    })
}
