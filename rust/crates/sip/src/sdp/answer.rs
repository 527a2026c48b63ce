//! Offer and answer (RFC 3264).

use std::net::{IpAddr, SocketAddr};

use super::parse::{Description, Media};
use super::write::{Origin, Stream, write};
use super::{Codec, Direction, Negotiated};
use crate::command::LocalMedia;

/// Why SDP cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No audio stream over plain RTP with an address.
    NoAudio,
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
    let agreed = negotiated(audio, codec, payload_type, local)?;
    let streams = offer
        .media
        .iter()
        .enumerate()
        .map(|(at, media)| if at == index { answered(&agreed, audio) } else { Stream::Refused(media) })
        .collect::<Vec<_>>();
    Ok((write(local.rtp, origin, &streams), agreed))
}

fn answered(agreed: &Negotiated, audio: &Media) -> Stream<'static> {
    Stream::Audio {
        codecs: vec![(agreed.payload_type, agreed.codec)],
        dtmf: agreed.dtmf_payload_type,
        direction: audio.direction.mirrored(),
        ptime_ms: agreed.ptime_ms,
    }
}

/// What their answer to our offer agrees on: the first of their formats that is one of ours.
pub(crate) fn accept_answer(answer: &Description, local: &LocalMedia) -> Result<Negotiated, Refusal> {
    let (_, audio) = answer.audio().ok_or(Refusal::NoAudio)?;
    let (codec, payload_type) = audio
        .formats
        .iter()
        .find_map(|format| codec_of(audio, format).filter(|(codec, _)| local.codecs.contains(codec)))
        .ok_or(Refusal::NoCodec)?;
    negotiated(audio, codec, payload_type, local)
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
        Some((_, name, 8000)) if name == "pcma" => Codec::Pcma,
        Some((_, name, 8000)) if name == "pcmu" => Codec::Pcmu,
        None if payload_type == 8 => Codec::Pcma,
        None if payload_type == 0 => Codec::Pcmu,
        _ => return None,
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
        remote: SocketAddr::new(address, audio.port),
        codec,
        payload_type,
        dtmf_payload_type: telephone_event(audio),
        ptime_ms: ptime(audio),
        send: audio.direction.receives() && !address.is_unspecified(),
        receive: audio.direction.sends(),
    })
}

/// Only a payload type the `m=` line lists counts.
fn telephone_event(audio: &Media) -> Option<u8> {
    audio
        .maps
        .iter()
        .find(|(number, name, clock)| {
            name == "telephone-event"
                && *clock == 8000
                && audio.formats.iter().any(|format| *format == number.to_string())
        })
        .map(|(number, _, _)| *number)
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
