//! What follows when media was agreed anew.

use crate::event::Event;
use crate::sdp::{Description, Negotiated, is_hold};
use crate::session::Session;
use crate::ua::UserAgent;

impl UserAgent {
    /// Note and report an agreement. The same again is nothing new.
    pub(crate) fn agree(&mut self, session: &mut Session, mut media: Negotiated) {
        // Whom we hold sends nothing, whatever else was agreed.
        media.receive &= !session.media.holding;
        if session.media.agreed == Some(media) {
            return;
        }
        session.media.agreed = Some(media);
        self.report(session, |leg| Event::MediaAgreed { leg, media });
    }

    /// Note and report whether the far end holds us now.
    pub(crate) fn note_hold(&mut self, session: &mut Session, theirs: &Description) {
        let on = is_hold(theirs);
        if session.media.held != on {
            session.media.held = on;
            self.report(session, |leg| Event::Held { leg, on });
        }
    }
}
