//! One tick of a room: who says what, added up once, and for each listener without its own voice.

use crate::audio::activity::Activity;
use crate::audio::frame::{FRAME, Frame, Sound, WIDE, WideFrame};
use crate::audio::halfband::Up;
use crate::operation::room::limiter::{Limiter, apply, peak};
use crate::operation::room::{Membership, Role};

/// Frames in a row with a voice until somebody talks, and without one until not: 60 and 500 ms.
const TALK_FRAMES: u32 = 3;
const QUIET_FRAMES: u32 = 25;
/// With more voices than this only those of talkers are added: the noise of a hundred lines is loud.
const GATE_ABOVE: usize = 8;

/// What is kept of a member from tick to tick.
#[derive(Debug)]
pub(crate) struct Channel {
    activity: Activity,
    /// For a voice of telephone quality among wide ones.
    up: Option<Box<Up>>,
    limiter: Limiter,
    voiced: u32,
    quiet: u32,
    /// Whether it talks, and whether that was reported.
    pub(crate) talks: bool,
    pub(crate) told: bool,
}

impl Channel {
    pub(crate) fn new() -> Self {
        Self {
            activity: Activity::new(),
            up: None,
            limiter: Limiter::new(),
            voiced: 0,
            quiet: 0,
            talks: false,
            told: false,
        }
    }

    /// Note whether there is a voice in what is heard of it.
    fn listen(&mut self, said: Option<&Frame>) {
        if said.is_some_and(|frame| self.activity.is_voice(frame)) {
            (self.voiced, self.quiet) = (self.voiced + 1, 0);
        } else {
            (self.voiced, self.quiet) = (0, self.quiet + 1);
        }
        self.talks = self.voiced >= TALK_FRAMES || self.talks && self.quiet < QUIET_FRAMES;
    }

    /// Whether the voice is worth adding: the first syllable is, too.
    fn is_audible(&self) -> bool {
        self.talks || self.voiced > 0
    }
}

/// A member's part in a tick.
#[derive(Debug)]
struct Voice {
    role: Role,
    /// What is added of it, if anything.
    sound: Option<Sound>,
}

/// Sums of voices.
#[derive(Debug)]
struct Sums {
    narrow: [i32; FRAME],
    wide: [i32; WIDE],
}

impl Sums {
    const NOTHING: Self = Self { narrow: [0; FRAME], wide: [0; WIDE] };

    fn add(&mut self, sound: &Sound, sign: i32) {
        for (sum, &sample) in self.narrow.iter_mut().zip(&sound.narrow) {
            *sum += sign * i32::from(sample);
        }
        if let Some(wide) = &sound.wide {
            for (sum, &sample) in self.wide.iter_mut().zip(wide) {
                *sum += sign * i32::from(sample);
            }
        }
    }
}

/// The voices of a tick.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    voices: Vec<Voice>,
}

impl Voices {
    /// Take what each member says, in order.
    pub(crate) fn clear(&mut self) {
        self.voices.clear();
    }

    /// Take what the next member says.
    pub(crate) fn take(&mut self, said: Option<&Sound>, membership: Membership, channel: &mut Channel) {
        let said = said.filter(|_| !membership.muted && membership.role != Role::Listener);
        channel.listen(said.map(|sound| &sound.narrow));
        let sound = said.map(|sound| with_gain(sound, membership.gain_db));
        self.voices.push(Voice { role: membership.role, sound });
    }

    /// Add up, and give each member what it hears; returns what a recording of the room hears.
    pub(crate) fn mix(
        &mut self,
        played: Option<&Sound>,
        channels: &mut [&mut Channel],
        room: &mut Channel,
        mut give: impl FnMut(usize, &Sound),
    ) -> Frame {
        self.drop_noise(channels);
        let is_wide = self.widen(channels);
        let (mut talk, mut whisper) = (Sums::NOTHING, Sums::NOTHING);
        let mut played = played.copied();
        if let Some(played) = &mut played {
            if is_wide && played.wide.is_none() {
                played.wide = Some(up(&mut room.up, &played.narrow));
            }
            talk.add(played, 1);
        }
        let mut whispers = false;
        for voice in &self.voices {
            let Some(sound) = &voice.sound else { continue };
            whispers |= voice.role == Role::Whisper;
            if voice.role == Role::Whisper { whisper.add(sound, 1) } else { talk.add(sound, 1) }
        }
        for (index, voice) in self.voices.iter().enumerate() {
            let mut sums = Sums { ..talk };
            if whispers && matches!(voice.role, Role::Coached | Role::Whisper) {
                sums.narrow.iter_mut().zip(&whisper.narrow).for_each(|(sum, more)| *sum += more);
                sums.wide.iter_mut().zip(&whisper.wide).for_each(|(sum, more)| *sum += more);
            }
            if let Some(own) = &voice.sound {
                sums.add(own, -1);
            }
            give(index, &limited(&sums, is_wide, &mut channels[index].limiter));
        }
        limited(&talk, false, &mut room.limiter).narrow
    }

    /// With many voices leave out those that say nothing.
    fn drop_noise(&mut self, channels: &[&mut Channel]) {
        if self.voices.iter().filter(|voice| voice.sound.is_some()).count() > GATE_ABOVE {
            for (voice, channel) in self.voices.iter_mut().zip(channels) {
                voice.sound = voice.sound.take_if(|_| channel.is_audible());
            }
        }
    }

    /// If one voice is wide, make all wide; say whether they are.
    fn widen(&mut self, channels: &mut [&mut Channel]) -> bool {
        let is_wide = self.voices.iter().any(|voice| voice.sound.is_some_and(|sound| sound.wide.is_some()));
        if is_wide {
            for (voice, channel) in self.voices.iter_mut().zip(channels) {
                if let Some(sound) = voice.sound.as_mut().filter(|sound| sound.wide.is_none()) {
                    sound.wide = Some(up(&mut channel.up, &sound.narrow));
                }
            }
        }
        is_wide
    }
}

fn up(filter: &mut Option<Box<Up>>, narrow: &Frame) -> WideFrame {
    let mut wide = [0; WIDE];
    filter.get_or_insert_with(|| Box::new(Up::new())).run(narrow, &mut wide);
    wide
}

fn limited(sums: &Sums, is_wide: bool, limiter: &mut Limiter) -> Sound {
    let mut sound = Sound::SILENCE;
    let wide_peak = if is_wide { peak(&sums.wide) } else { 0 };
    let gains = limiter.next(peak(&sums.narrow).max(wide_peak));
    apply(&sums.narrow, gains, &mut sound.narrow);
    if is_wide {
        let mut wide = [0; WIDE];
        apply(&sums.wide, gains, &mut wide);
        sound.wide = Some(wide);
    }
    sound
}

fn with_gain(sound: &Sound, gain_db: f32) -> Sound {
    let mut sound = *sound;
    if gain_db != 0.0 {
        let gain = 10.0_f32.powf(gain_db.clamp(-40.0, 12.0) / 20.0);
        let louder = |sample: &mut i16| {
            #[allow(clippy::cast_possible_truncation)] // saturating by definition
            let value = (f32::from(*sample) * gain).round() as i16;
            *sample = value;
        };
        sound.narrow.iter_mut().for_each(louder);
        sound.wide.iter_mut().flatten().for_each(louder);
    }
    sound
}
