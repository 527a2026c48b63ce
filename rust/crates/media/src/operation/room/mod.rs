//! A conference room: what its members, on whatever shards, and the mixer on one of them share.

pub(crate) mod limiter;
pub(crate) mod mixer;
mod voices;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::audio::frame::Sound;
use crate::command::{Change, LegId, OpId};
use crate::operation::lane::{Lane, lock};

/// A room. Numbers from [`ROOMS`] on, so that a room can stand where a leg does: it can be played to and recorded.
pub type RoomId = u64;
/// The first room.
pub const ROOMS: RoomId = 1 << 60;
/// Members a room can have.
pub const MAX_MEMBERS: usize = 200;

/// Whom a member hears and is heard by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Heard by all, hears all talkers.
    Talker,
    /// Hears all talkers, is heard by nobody.
    Listener,
    /// A talker who also hears those who whisper.
    Coached,
    /// Hears all, is heard by the coached alone.
    Whisper,
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "talker" => Ok(Self::Talker),
            "listener" => Ok(Self::Listener),
            "coached" => Ok(Self::Coached),
            "whisper" => Ok(Self::Whisper),
            _ => Err(()),
        }
    }
}

/// How a leg takes part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Membership {
    /// Whom it hears and is heard by.
    pub role: Role,
    /// Nobody hears it.
    pub muted: bool,
    /// What the others hear of it is louder or fainter by this, -40 to 12.
    pub gain_db: f32,
}

impl Default for Membership {
    fn default() -> Self {
        Self { role: Role::Talker, muted: false, gain_db: 0.0 }
    }
}

/// A leg in a room, as the leg and the mixer see it.
#[derive(Debug)]
pub(crate) struct Member {
    op: OpId,
    leg: LegId,
    input: Lane,
    output: Lane,
    membership: Mutex<Membership>,
}

/// What members and mixer share.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    max_members: usize,
    members: Mutex<Vec<Arc<Member>>>,
    closed: AtomicBool,
}

impl Room {
    /// Make an empty room.
    pub(crate) fn new(id: RoomId, max_members: usize) -> Arc<Self> {
        let max_members = max_members.clamp(1, MAX_MEMBERS);
        Arc::new(Self { id, max_members, members: Mutex::default(), closed: AtomicBool::new(false) })
    }

    /// Let a leg in; the error says why not.
    pub(crate) fn enter(self: &Arc<Self>, op: OpId, leg: LegId, membership: Membership) -> Result<RoomSide, String> {
        let mut members = lock(&self.members);
        if self.is_closed() {
            return Err("the room is closed".to_owned());
        }
        if members.len() >= self.max_members {
            return Err(format!("the room is full: {} members", self.max_members));
        }
        let membership = Mutex::new(membership);
        let member = Arc::new(Member { op, leg, input: Lane::default(), output: Lane::default(), membership });
        members.push(Arc::clone(&member));
        Ok(RoomSide { room: Arc::clone(self), member })
    }

    /// Let nobody in any more; members notice and leave.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// A member's end. Dropping it is leaving.
#[derive(Debug)]
pub(crate) struct RoomSide {
    room: Arc<Room>,
    member: Arc<Member>,
}

impl RoomSide {
    /// Return the operation.
    pub(crate) fn op(&self) -> OpId {
        self.member.op
    }

    /// Return the leg.
    pub(crate) fn leg(&self) -> LegId {
        self.member.leg
    }

    /// Say whether the room was closed.
    pub(crate) fn is_over(&self) -> bool {
        self.room.is_closed()
    }

    /// Change how the leg takes part.
    pub(crate) fn change(&self, change: Change) {
        let mut now = lock(&self.member.membership);
        match change {
            Change::Role(role) => now.role = role,
            Change::Mute(on) => now.muted = on,
            Change::Gain(gain_db) => now.gain_db = gain_db,
            Change::Pause(_) | Change::Tap(_) => {}
        }
    }

    /// Give the room what the leg said; false when the oldest frame had to go.
    pub(crate) fn push(&self, sound: &Sound) -> bool {
        self.member.input.push(sound)
    }

    /// Take what the leg is to hear.
    pub(crate) fn pull(&self) -> Option<Sound> {
        self.member.output.pull()
    }
}

impl Drop for RoomSide {
    fn drop(&mut self) {
        lock(&self.room.members).retain(|member| member.op != self.member.op);
    }
}
