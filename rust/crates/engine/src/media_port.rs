//! The media side as the core sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringback_media::srtp::{KEY_BYTES, SALT_BYTES, SrtpKey, SrtpSuite};
use ringback_media::{
    Change, Codec, EventSink, EventType, GatherPrompt, Media, MediaCommand, MediaEvent, RemoteMedia, SrtpKeys,
};
use ringback_net::WakeFd;
use ringback_sip as sip;

use crate::command::{Gather, Operation};
use crate::core::MediaPort;
use crate::ids::{LegId, OpId};
use crate::queue::lock;

/// Events of the media threads on their way to the signaling thread.
///
/// Their number is bounded by what is going on (legs, operations, packets in a turn of the signaling loop).
#[derive(Debug)]
pub(crate) struct MediaInbox {
    events: Mutex<Vec<MediaEvent>>,
    wake: Arc<WakeFd>,
}

impl MediaInbox {
    pub(crate) fn new(wake: Arc<WakeFd>) -> Self {
        Self { events: Mutex::default(), wake }
    }

    /// Take everything into `into`, which is empty.
    pub(crate) fn take(&self, into: &mut Vec<MediaEvent>) {
        std::mem::swap(&mut *lock(&self.events), into);
    }
}

impl EventSink for MediaInbox {
    fn push(&self, event: MediaEvent) {
        let mut events = lock(&self.events);
        let was_empty = events.is_empty();
        events.push(event);
        drop(events);
        if was_empty {
            self.wake.signal();
        }
    }
}

impl MediaPort for Arc<Media> {
    fn open_leg(&mut self, leg: LegId) -> Result<u16, String> {
        Media::open_leg(self, leg).map_err(|error| error.to_string())
    }

    fn srtp_key(&mut self) -> Option<[u8; 30]> {
        let mut key = [0; 30];
        getrandom::fill(&mut key).ok().map(|()| key)
    }

    fn set_remote(&mut self, leg: LegId, media: &sip::Negotiated) {
        let remote = RemoteMedia {
            accepts: media.accepts.iter().flatten().map(|&(number, codec)| (number, codec_of(codec))).collect(),
            dtmf: media.dtmf.map(events_of),
            accepts_dtmf: media.accepts_dtmf.iter().flatten().copied().map(events_of).collect(),
            fec: media.fec,
            dtx: media.dtx,
            rtcp: media.rtcp,
            srtp: media.crypto.as_ref().map(|crypto| SrtpKeys {
                local: srtp_key(crypto.suite, &crypto.local),
                remote: srtp_key(crypto.suite, &crypto.remote),
            }),
            ptime_ms: media.ptime_ms,
            send: media.send,
            receive: media.receive,
            ..RemoteMedia::new(media.remote, codec_of(media.codec), media.payload_type)
        };
        Media::set_remote(self, leg, remote);
    }

    fn start(&mut self, op: OpId, leg: LegId, operation: Operation) {
        self.command(media_command(op, leg, operation));
    }

    fn stop(&mut self, op: OpId) {
        self.command(MediaCommand::Stop { op });
    }

    fn change(&mut self, op: OpId, change: Change) {
        Media::change(self, op, change);
    }

    fn open_room(&mut self, room: LegId, max_members: usize) -> bool {
        Media::open_room(self, room, max_members)
    }

    fn close_room(&mut self, room: LegId) {
        Media::close_room(self, room);
    }

    fn digit(&mut self, leg: LegId, digit: char) {
        self.command(MediaCommand::Digit { leg, digit });
    }

    fn close_leg(&mut self, leg: LegId) {
        Media::close_leg(self, leg);
    }

    fn lateness(&self) -> Duration {
        self.recent_lateness()
    }
}

fn codec_of(codec: sip::Codec) -> Codec {
    match codec {
        sip::Codec::Pcma => Codec::Pcma,
        sip::Codec::Pcmu => Codec::Pcmu,
        sip::Codec::G722 => Codec::G722,
        sip::Codec::Opus => Codec::Opus,
    }
}

fn events_of(events: sip::Events) -> EventType {
    EventType { payload_type: events.payload_type, ticks_per_ms: events.clock_hz / 1000 }
}

fn srtp_key(suite: sip::Suite, bytes: &sip::KeySalt) -> SrtpKey {
    let suite = match suite {
        sip::Suite::HmacSha1_80 => SrtpSuite::Sha1Tag80,
        sip::Suite::HmacSha1_32 => SrtpSuite::Sha1Tag32,
    };
    let mut key = SrtpKey { suite, key: [0; KEY_BYTES], salt: [0; SALT_BYTES] };
    key.key.copy_from_slice(&bytes.0[..KEY_BYTES]);
    key.salt.copy_from_slice(&bytes.0[KEY_BYTES..]);
    key
}

fn media_command(op: OpId, leg: LegId, operation: Operation) -> MediaCommand {
    match operation {
        Operation::Play { files, loop_count, barge_in, gain_db } => {
            // -40 to 12 was checked: nothing is lost that could be heard.
            #[allow(clippy::cast_possible_truncation)]
            let gain_db = gain_db as f32;
            MediaCommand::Play { op, leg, files, loop_count, barge_in, gain_db }
        }
        Operation::Gather(gather) => gather_command(op, leg, gather),
        Operation::Record { path, stereo, max, silence_stop } => MediaCommand::Record {
            op,
            leg,
            path,
            stereo,
            max_ms: milliseconds(max),
            silence_stop_ms: silence_stop.map_or(0, milliseconds),
        },
        Operation::Tone { name, country, duration } => {
            MediaCommand::Tone { op, leg, name, country, duration_ms: duration.map_or(0, milliseconds) }
        }
        Operation::SendDtmf { digits, tone, gap } => MediaCommand::SendDtmf {
            op,
            leg,
            digits,
            tone_ms: short_milliseconds(tone),
            gap_ms: short_milliseconds(gap),
        },
        Operation::DetectMachine { rules } => MediaCommand::DetectMachine { op, leg, rules },
        Operation::JoinRoom { room, membership } => MediaCommand::JoinRoom { op, leg, room, membership },
        Operation::Stream { lease } => MediaCommand::Stream { op, leg, lease },
        Operation::Tap { join, mode } => MediaCommand::Tap { op, leg, join, mode },
        Operation::Join { other } => MediaCommand::Join { op, a: leg, b: other },
    }
}

fn gather_command(op: OpId, leg: LegId, gather: Gather) -> MediaCommand {
    MediaCommand::Gather {
        op,
        leg,
        prompt: GatherPrompt { files: gather.files, barge_in: gather.barge_in },
        min_digits: gather.min_digits,
        max_digits: gather.max_digits,
        terminators: gather.terminators,
        first_timeout_ms: short_milliseconds(gather.first_timeout),
        inter_timeout_ms: short_milliseconds(gather.inter_timeout),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn short_milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
