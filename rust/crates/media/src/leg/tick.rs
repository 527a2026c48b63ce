//! What a leg does every 20 ms: hear, decide, send, write down.

use super::secure::protect;
use super::{Context, Leg};
use crate::audio::frame::{FRAME_MS, Frame, SILENCE, Sound};
use crate::audio::tone::fill_digit;
use crate::codec::silence;
use crate::counters::count;
use crate::dtmf::send::DtmfTick;
use crate::event::{DigitSource, MediaEvent, OpResult};
use crate::output::Channel;
use crate::stream::jitter::Pulled;
use crate::stream::latch::Latch;
use crate::stream::voice::Outgoing;
use crate::wire::rtp::pack_rtp;

impl Leg {
    /// Do what is due.
    pub(crate) fn tick(&mut self, ctx: &mut Context<'_>) {
        #[cfg(test)]
        assert!(!self.panics, "a test asked for this");
        if self.is_closing() {
            // An order to close a file that found no room is given again.
            return self.recorders.repeat_orders(ctx);
        }
        if let Some(key) = self.dtmf_in.tick(ctx.now) {
            self.key(key, DigitSource::Event, ctx);
        }
        let (heard, pulled) = self.hear(ctx);
        self.hear_digits(&heard.narrow, pulled, ctx);
        self.hear_machine(&heard.narrow, ctx);
        self.check_lost(ctx);
        self.check_talk(ctx);
        self.check_gather(ctx);
        let mut said = self.exchange(&heard, ctx);
        self.stream(&heard, &mut said, ctx);
        let sent = self.send(said.as_ref(), ctx);
        self.recorders.frame(&heard.narrow, &sent, ctx);
        if self.remote.is_some() && self.reporter.is_due(ctx.now) {
            self.send_report(false, ctx);
        }
    }

    fn hear(&mut self, ctx: &mut Context<'_>) -> (Sound, Pulled) {
        let mut heard = Sound::SILENCE;
        let played = self.playout.pull(&mut heard);
        if played.malformed > 0 {
            count(&ctx.counters.dropped_rtp_malformed);
        }
        if played.pulled == Pulled::Whole {
            return (heard, Pulled::Whole);
        }
        if self.noise.fill(&mut heard.narrow) {
            heard.wide = None;
            return (heard, Pulled::Idle);
        }
        if played.pulled == Pulled::Concealed {
            self.concealed_ms += FRAME_MS;
            count(&ctx.counters.media_frames_concealed);
        }
        (heard, played.pulled)
    }

    fn check_lost(&mut self, ctx: &mut Context<'_>) {
        let expected = self.remote.as_ref().is_some_and(|remote| remote.receive);
        if !expected {
            // Hold: the clock starts when media is expected again.
            self.silent_since = ctx.now;
        } else if !self.lost
            && !ctx.media_timeout.is_zero()
            && ctx.now.saturating_duration_since(self.silent_since) >= ctx.media_timeout
        {
            self.lost = true;
            count(&ctx.counters.media_lost);
            ctx.out.events.push(MediaEvent::Lost { leg: self.id });
            if let Some(latch) = &mut self.latch {
                latch.unlock();
            }
        }
    }

    fn check_gather(&mut self, ctx: &mut Context<'_>) {
        let key_is_down = self.dtmf_in.is_down() || self.inband.as_ref().is_some_and(|inband| inband.is_down());
        if let Some(gathered) = self.gather.as_mut().and_then(|gather| gather.tick(key_is_down, ctx.now)) {
            self.end_gather(gathered, None, ctx);
        }
    }

    /// Send one frame of whatever there is, silence if there is nothing; return it as samples.
    fn send(&mut self, said: Option<&Sound>, ctx: &mut Context<'_>) -> Frame {
        let target = self.latch.as_ref().and_then(Latch::target);
        let target = target.filter(|_| self.remote.as_ref().is_some_and(|remote| remote.send));
        let events = self.remote.as_ref().and_then(|remote| remote.dtmf);
        let (dtmf, ended) = self.dtmf_out.tick(events.map(|events| events.ticks_per_ms));
        if let Some(op) = ended {
            ctx.done(op, OpResult::Done, None);
        }
        let outgoing = match (dtmf, events) {
            (Some(DtmfTick::Event { payload, first }), Some(events)) => {
                self.voice.clear();
                let Some(to) = target else {
                    self.sender.skip(1);
                    return SILENCE;
                };
                let sender = &mut self.sender;
                ctx.out.packet(self.id, Channel::Rtp, to, |out| {
                    let start = out.len();
                    sender.event(events.payload_type, payload, first, out);
                    protect(self.secure.as_deref_mut(), Channel::Rtp, out, start);
                });
                count(&ctx.counters.media_rtp_sent);
                return SILENCE;
            }
            (Some(DtmfTick::Tone { event, at }), _) => {
                let mut sound = Sound::SILENCE;
                fill_digit(event, at, &mut sound.narrow);
                sound.into()
            }
            (Some(_), _) => Sound::SILENCE.into(),
            (None, _) => self.source(said, ctx),
        };
        self.send_audio(&outgoing, target, ctx)
    }

    fn send_audio(
        &mut self,
        outgoing: &Outgoing,
        target: Option<std::net::SocketAddr>,
        ctx: &mut Context<'_>,
    ) -> Frame {
        let (Some(to), Some(remote)) = (target, &self.remote) else {
            self.sender.skip(1);
            self.voice.clear();
            return SILENCE;
        };
        let leg = self.id;
        self.voice.send(outgoing, remote.payload_type, &mut self.sender, |header, payload| {
            ctx.out.packet(leg, Channel::Rtp, to, |out| {
                let start = out.len();
                pack_rtp(header, payload, out);
                protect(self.secure.as_deref_mut(), Channel::Rtp, out, start);
            });
            count(&ctx.counters.media_rtp_sent);
        });
        outgoing.sound.narrow
    }

    /// Return the next frame: what plays goes before what the joined leg says, and that before silence.
    fn source(&mut self, said: Option<&Sound>, ctx: &mut Context<'_>) -> Outgoing {
        let codec = self.codec();
        let mut outgoing = Outgoing { wire: silence(codec), sound: Sound::SILENCE };
        let played = self.playback.as_mut().and_then(|playback| playback.fill(codec, &mut outgoing));
        match (played, said) {
            (None, Some(said)) => return (*said).into(),
            (Some(false), _) => self.playback_over(ctx),
            (Some(true), _) | (None, None) => {}
        }
        outgoing
    }

    fn playback_over(&mut self, ctx: &mut Context<'_>) {
        match self.playback.take() {
            Some(playback) if playback.is_prompt => self.prompt_over(ctx),
            Some(playback) => ctx.done(playback.op, OpResult::Done, None),
            None => {}
        }
    }
}
