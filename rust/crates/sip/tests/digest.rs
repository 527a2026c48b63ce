//! 401 and 407 (RFC 3261 section 22).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Credentials, Side};

fn dial_with_credentials(script: &mut Script) -> String {
    let mut order = dial(1, "192.0.2.9:5060");
    if let Command::Dial { credentials, .. } = &mut order {
        *credentials = Some(Credentials { username: "al\"ice".to_owned(), password: "secret".to_owned(), realm: None });
    }
    script.tell(order);
    script.expect("INVITE")
}

const MD5: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth,auth-int\"\r\n";

#[test]
fn a_challenge_is_answered_in_a_new_invite_of_the_same_call() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);

    script.say(&reply(&invite, 401, "t", MD5, ""));

    let ack = script.expect("ACK");
    assert_eq!(header(&ack, "CSeq"), "1 ACK");
    let again = script.expect("INVITE");
    assert_eq!(header(&again, "CSeq"), "2 INVITE");
    assert_eq!(header(&again, "Call-ID"), header(&invite, "Call-ID"));
    assert_eq!(header(&again, "From"), header(&invite, "From"));
    assert_eq!(header(&again, "To"), header(&invite, "To"), "without the tag of the refusal");
    assert_ne!(header(&again, "Via"), header(&invite, "Via"));
    let answer = header(&again, "Authorization");
    for part in [
        "username=\"al\\\"ice\"",
        "realm=\"r\"",
        "nonce=\"n1\"",
        "uri=\"sip:+4930100@192.0.2.9:5060\"",
        "qop=auth,",
        "nc=00000001",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    assert_eq!(script.events, []);
}

#[test]
fn the_ack_repeats_the_credentials_and_the_bye_has_its_own() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.say(&reply(&invite, 401, "t", MD5, ""));
    script.expect("ACK");
    let again = script.expect("INVITE");

    script.say(&ok_with_answer(&again, "u"));
    script.tell(Command::Hangup { leg: 1, q850: None });

    let ack = script.expect("ACK");
    assert_eq!(header(&ack, "Authorization"), header(&again, "Authorization"));
    assert_eq!(header(&ack, "CSeq"), "2 ACK");
    let bye = script.expect("BYE");
    assert_eq!(header(&bye, "CSeq"), "3 BYE");
    let answer = header(&bye, "Authorization");
    assert!(answer.contains("nc=00000002") && answer.contains("uri=\"sip:u@192.0.2.9:5060\""), "{answer}");
}

#[test]
fn a_challenged_bye_is_sent_again_once() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.say(&ok_with_answer(&invite, "u"));
    script.tell(Command::Hangup { leg: 1, q850: None });
    script.expect("ACK");
    let bye = script.expect("BYE");

    script.say(&reply(&bye, 407, "", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n5\"\r\n", ""));
    let again = script.expect("BYE");
    assert!(header(&again, "Proxy-Authorization").contains("nonce=\"n5\""));
    script.say(&reply(&again, 407, "", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n6\"\r\n", ""));

    assert!(script.sent.is_empty());
    assert_eq!(ended(&script.events[1]), Some((1, Cause::Bye, Side::Local, None)));
    script.assert_clean();
}

#[test]
fn the_strongest_of_several_challenges_is_answered() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    let sha = "WWW-Authenticate: Digest realm=\"r\", algorithm=SHA-256, nonce=\"n2\", opaque=\"o\\\"p\"\r\n";

    script.say(&reply(&invite, 401, "t", &format!("{MD5}{sha}"), ""));

    script.expect("ACK");
    let answers = headers(&script.expect("INVITE"), "Authorization");
    assert_eq!(answers.len(), 1);
    assert!(answers[0].contains("algorithm=SHA-256") && answers[0].contains("nonce=\"n2\""), "{answers:?}");
    assert!(answers[0].contains("opaque=\"o\\\"p\""), "{answers:?}");
}

#[test]
fn proxy_and_server_are_answered_together() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.say(&reply(&invite, 407, "t", "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n1\"\r\n", ""));
    script.expect("ACK");
    let second = script.expect("INVITE");

    script.say(&reply(&second, 401, "t", MD5, ""));

    script.expect("ACK");
    let third = script.expect("INVITE");
    assert_eq!(header(&third, "CSeq"), "3 INVITE");
    assert!(header(&third, "Proxy-Authorization").contains("realm=\"p\""));
    assert!(header(&third, "Authorization").contains("realm=\"r\""));
}

#[test]
fn a_refused_answer_is_the_end_unless_the_nonce_was_stale() {
    for (challenge, retried) in [
        (MD5.to_owned(), false),
        (MD5.replace("n1", "n2"), false),
        (MD5.replace("n1\"", "n2\", stale=TRUE"), true),
        (MD5.replace("n1\"", "n1\", stale=true"), false),
    ] {
        let mut script = Script::new();
        let invite = dial_with_credentials(&mut script);
        script.say(&reply(&invite, 401, "t", MD5, ""));
        script.expect("ACK");
        let again = script.expect("INVITE");

        script.say(&reply(&again, 401, "t", &challenge, ""));

        script.expect("ACK");
        if retried {
            assert!(header(&script.expect("INVITE"), "Authorization").contains("nonce=\"n2\""));
        } else {
            assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(401))), "{challenge}");
            script.assert_clean();
        }
    }
}

#[test]
fn an_endless_row_of_stale_nonces_ends() {
    let mut script = Script::new();
    let mut invite = dial_with_credentials(&mut script);
    for round in 0..20 {
        let stale = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"s{round}\", stale=true\r\n");
        script.say(&reply(&invite, 401, "t", &stale, ""));
        script.expect("ACK");
        match script.sent.pop_front() {
            Some((_, next)) => invite = next,
            None => break,
        }
    }
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(401))));
    assert!(script.ua.counters().challenges_answered <= 4);
}

#[test]
fn without_credentials_or_with_an_unknown_algorithm_a_challenge_ends_the_leg() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 401, "t", MD5, ""));
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(401))));

    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.say(&reply(&invite, 401, "t", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD9\r\n", ""));
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(401))));
}

#[test]
fn a_challenge_after_the_hang_up_is_not_answered() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.tell(Command::Hangup { leg: 1, q850: None });

    script.say(&reply(&invite, 401, "t", MD5, ""));

    assert_eq!(script.take_sent(), ["ACK"]);
    assert_eq!(kinds(&script.events), ["Ended"]);
    script.assert_clean();
}

#[test]
fn passwords_are_not_printed() {
    let credentials = Credentials { username: "u".to_owned(), password: "hunter2".to_owned(), realm: None };

    assert!(!format!("{credentials:?}").contains("hunter2"));
}

#[test]
fn a_late_ringing_of_the_first_try_does_not_release_the_cancel_of_the_second() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.say(&reply(&invite, 401, "t", MD5, ""));
    script.expect("ACK");
    let again = script.expect("INVITE");
    script.tell(Command::Hangup { leg: 1, q850: None });

    script.say(&reply(&invite, 180, "t", "", ""));
    assert!(script.sent.is_empty());
    script.say(&reply(&again, 100, "", "", ""));

    assert_eq!(header(&script.expect("CANCEL"), "CSeq"), "2 CANCEL");
}

#[test]
fn a_bye_may_meet_a_new_nonce_though_the_invite_was_authenticated() {
    let mut script = Script::new();
    let invite = dial_with_credentials(&mut script);
    script.say(&reply(&invite, 401, "t", MD5, ""));
    script.expect("ACK");
    let again = script.expect("INVITE");
    script.say(&ok_with_answer(&again, "u"));
    script.tell(Command::Hangup { leg: 1, q850: None });
    script.expect("ACK");
    let bye = script.expect("BYE");

    script.say(&reply(&bye, 401, "", &MD5.replace("n1", "n9"), ""));

    assert!(header(&script.expect("BYE"), "Authorization").contains("nonce=\"n9\""));
}
