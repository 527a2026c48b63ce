//! Rooms, taps and changes of what is under way, as Python asks for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringback_media::{AudioStream, Change, MAX_MEMBERS, Membership, Pause, Role, StreamLease, TapMode};

use crate::args;
use crate::audio::{StreamArgs, StreamPlan};
use crate::command::{Command, Operation};
use crate::config::in_range;
use crate::error::EngineError;
use crate::handle::Engine;
use crate::ids::{LegId, OpId};

type Checked<T> = Result<T, EngineError>;

impl Engine {
    /// Open a room and return its id.
    pub fn room(&self, max_members: i64) -> Checked<LegId> {
        let most = i64::try_from(MAX_MEMBERS).unwrap_or(i64::MAX);
        let max_members = args::number(in_range("max_members", max_members, 1, most)?);
        let room = self.next_room.fetch_add(1, Ordering::Relaxed);
        self.push(Command::OpenRoom { room, max_members })?;
        Ok(room)
    }

    /// Close a room.
    pub fn close_room(&self, room: LegId) -> Checked<()> {
        self.push(Command::CloseRoom { room })
    }

    /// Let a leg into a room.
    pub fn join_room(&self, room: LegId, leg: LegId, role: &str, muted: bool, gain_db: f64) -> Checked<OpId> {
        let membership = Membership { role: parse_role(role)?, muted, gain_db: gain(gain_db)? };
        self.start_operation(leg, Operation::JoinRoom { room, membership })
    }

    /// Let nobody hear a member, or let them again.
    pub fn mute(&self, op: OpId, on: bool) -> Checked<()> {
        self.push(Command::Change { op, change: Change::Mute(on) })
    }

    /// Change whom a member hears and is heard by.
    pub fn set_role(&self, op: OpId, role: &str) -> Checked<()> {
        self.push(Command::Change { op, change: Change::Role(parse_role(role)?) })
    }

    /// Change how loud the others hear a member.
    pub fn set_gain(&self, op: OpId, gain_db: f64) -> Checked<()> {
        self.push(Command::Change { op, change: Change::Gain(gain(gain_db)?) })
    }

    /// Let a supervisor's leg listen to a join.
    pub fn tap(&self, join: OpId, leg: LegId, mode: &str, to: Option<LegId>) -> Checked<OpId> {
        self.start_operation(leg, Operation::Tap { join, mode: tap_mode(mode, to)? })
    }

    /// Change who hears a supervisor.
    pub fn set_tap(&self, op: OpId, mode: &str, to: Option<LegId>) -> Checked<()> {
        self.push(Command::Change { op, change: Change::Tap(tap_mode(mode, to)?) })
    }

    /// Exchange a leg's audio with a program over a WebSocket.
    pub fn stream(&self, leg: LegId, args: StreamArgs) -> Checked<OpId> {
        let plan = StreamPlan::check(args)?;
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        let stream = AudioStream::new(op, plan.shape);
        let lease = StreamLease::new(Arc::clone(&stream));
        self.push(Command::Start { op, leg, operation: Operation::Stream { lease } })?;
        // A leg that refuses the operation drops its lease: the socket notices and closes.
        self.with_running(|running| running.open_audio(plan.request(op, leg), stream));
        Ok(op)
    }

    /// Pause a recording.
    pub fn pause_recording(&self, op: OpId, silence: bool) -> Checked<()> {
        let pause = if silence { Pause::Silence } else { Pause::Cut };
        self.push(Command::Change { op, change: Change::Pause(Some(pause)) })
    }

    /// Let a recording go on.
    pub fn resume_recording(&self, op: OpId) -> Checked<()> {
        self.push(Command::Change { op, change: Change::Pause(None) })
    }
}

fn parse_role(role: &str) -> Checked<Role> {
    role.parse().map_err(|()| {
        EngineError::argument("role", format!("{role:?} is not one of talker, listener, coached, whisper"))
    })
}

fn gain(gain_db: f64) -> Checked<f32> {
    if !(-40.0..=12.0).contains(&gain_db) {
        return Err(EngineError::argument("gain_db", format!("{gain_db} is outside -40 to 12")));
    }
    #[allow(clippy::cast_possible_truncation)] // nothing is lost that could be heard
    Ok(gain_db as f32)
}

fn tap_mode(mode: &str, to: Option<LegId>) -> Checked<TapMode> {
    match (mode, to) {
        ("monitor", None) => Ok(TapMode::Monitor),
        ("barge", None) => Ok(TapMode::Barge),
        ("whisper", Some(leg)) => Ok(TapMode::Whisper(leg)),
        ("whisper", None) => Err(EngineError::argument("to", "whisper needs the leg that hears it")),
        ("monitor" | "barge", Some(_)) => Err(EngineError::argument("to", "is for whisper alone")),
        _ => Err(EngineError::argument("mode", format!("{mode:?} is not one of monitor, whisper, barge"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_roles_are_checked_with_what_they_need() {
        assert_eq!(tap_mode("whisper", Some(7)), Ok(TapMode::Whisper(7)));
        assert!(tap_mode("whisper", None).unwrap_err().to_string().starts_with("to: "));
        assert!(tap_mode("barge", Some(1)).is_err());
        assert!(tap_mode("shout", None).unwrap_err().to_string().starts_with("mode: "));
        assert_eq!(parse_role("coached"), Ok(Role::Coached));
        assert!(parse_role("boss").is_err());
        assert!(gain(13.0).is_err());
    }
}
