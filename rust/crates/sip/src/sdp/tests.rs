//! Offers and answers of our own, read back, and text that is no SDP.

use proptest::prelude::*;

use super::*;
use crate::command::LocalMedia;

fn codecs() -> impl Strategy<Value = Vec<Codec>> {
    prop_oneof![
        Just(vec![Codec::Pcma]),
        Just(vec![Codec::Pcmu]),
        Just(vec![Codec::Pcma, Codec::Pcmu]),
        Just(vec![Codec::Pcmu, Codec::Pcma]),
        Just(vec![Codec::Opus, Codec::G722, Codec::Pcma]),
        Just(vec![Codec::G722]),
        Just(vec![Codec::Pcmu, Codec::Opus]),
    ]
}

fn local() -> impl Strategy<Value = LocalMedia> {
    (any::<[u8; 4]>(), 1..=u16::MAX, codecs()).prop_filter_map("a usable address", |(ip, port, codecs)| {
        let rtp = std::net::SocketAddr::from((ip, port));
        (!rtp.ip().is_unspecified()).then_some(LocalMedia::plain(rtp, codecs))
    })
}

const ORIGIN: Origin = Origin { session: 1, version: 1 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: proptest::test_runner::RngSeed::Fixed(3264), ..ProptestConfig::default() })]

    #[test]
    fn both_ends_agree_on_the_same(ours in local(), theirs in local()) {
        let offered = Description::parse(offer(&ours, ORIGIN).as_bytes()).expect("our own offer");

        let common = theirs.codecs.iter().find(|codec| ours.codecs.contains(codec));
        match answer_offer(&offered, &theirs, ORIGIN) {
            Err(refusal) => prop_assert_eq!((refusal, common), (Refusal::NoCodec, None)),
            Ok((text, at_answerer)) => {
                let answered = Description::parse(text.as_bytes()).expect("our own answer");
                let at_offerer = accept_answer(&answered, &ours).expect("a usable answer");
                prop_assert_eq!(Some(&at_answerer.codec), common);
                prop_assert_eq!((at_answerer.remote, at_offerer.remote), (ours.rtp, theirs.rtp));
                let accepts_dtmf = at_offerer.accepts_dtmf;
                prop_assert_eq!(Negotiated { remote: theirs.rtp, accepts_dtmf, ..at_answerer }, at_offerer);
            }
        }
    }

    #[test]
    fn nothing_makes_the_reader_panic(text in "v=0\r\n([a-z]=[ -~]{0,40}\r\n){0,12}", noise in any::<Vec<u8>>()) {
        let _ = Description::parse(&noise);
        if let Some(description) = Description::parse(text.as_bytes()) {
            let _ = is_hold(&description);
        }
    }
}

fn media(rest: &str) -> Option<Negotiated> {
    let text = format!("v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 8\n{rest}");
    let local = LocalMedia::plain("192.0.2.1:20000".parse().expect("address"), vec![Codec::Pcma]);
    accept_answer(&Description::parse(text.as_bytes())?, &local).ok()
}

#[test]
fn packet_times_are_kept_within_what_both_can() {
    for (lines, expected) in [
        ("", 20),
        ("a=ptime:30", 30),
        ("a=ptime:20.0", 20),
        ("a=ptime:25", 20),
        ("a=ptime:0", 10),
        ("a=ptime:200", 60),
        ("a=ptime:60\na=maxptime:40", 40),
        ("a=maxptime:10", 10),
        ("a=ptime:nonsense", 20),
    ] {
        assert_eq!(media(lines).expect("media").ptime_ms, expected, "{lines}");
    }
}

#[test]
fn a_dynamic_type_counts_only_if_the_stream_lists_it() {
    let listed = "v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\n";
    let parse = |text: &str| {
        let local = LocalMedia::plain("192.0.2.1:20000".parse().expect("address"), vec![Codec::Pcma]);
        accept_answer(&Description::parse(text.as_bytes()).expect("SDP"), &local)
            .expect("media")
            .dtmf
            .map(|events| events.payload_type)
    };

    assert_eq!(parse(listed), Some(96));
    assert_eq!(parse(&listed.replace("8 96", "8")), None);
    assert_eq!(parse(&listed.replace("/8000", "/16000")), None);
}

#[test]
fn a_static_number_mapped_to_something_else_is_not_ours() {
    assert_eq!(media("a=rtpmap:8 OPUS/48000/2\n"), None);
}

#[test]
fn the_connection_of_the_stream_beats_that_of_the_session() {
    assert_eq!(media("c=IN IP4 192.0.2.44/127").expect("media").remote, "192.0.2.44:4000".parse().expect("address"));
    assert_eq!(media("c=IN IP4 media.example"), None, "a name cannot be reached without DNS");
    assert_eq!(media("c=IN IP6 2001:db8::1"), None, "the other family cannot be reached");
}

const RTP: &str = "192.0.2.1:20000";

fn ours(codecs: &[Codec], required: Option<bool>) -> LocalMedia {
    let crypto = required.map(|required| LocalCrypto { required, key: KeySalt([1; 30]) });
    LocalMedia { crypto, ..LocalMedia::plain(RTP.parse().expect("address"), codecs.to_vec()) }
}

fn read(lines: &str) -> Description {
    Description::parse(format!("v=0\nc=IN IP4 192.0.2.9\n{lines}").as_bytes()).expect("SDP")
}

#[test]
fn an_answer_uses_the_numbers_of_the_offer_and_events_with_the_clock_of_the_audio() {
    let offer = read(
        "m=audio 4000 RTP/AVP 96 97 98 0\na=rtpmap:96 opus/48000/2\na=fmtp:96 minptime=10; useinbandfec=1;usedtx=1\n\
         a=rtpmap:97 telephone-event/8000\na=rtpmap:98 telephone-event/48000\na=rtcp:4010\n",
    );

    let (text, agreed) = answer_offer(&offer, &ours(&[Codec::Opus], None), ORIGIN).expect("an answer");

    assert_eq!((agreed.codec, agreed.payload_type, agreed.accepts[0]), (Codec::Opus, 96, Some((96, Codec::Opus))));
    assert_eq!(agreed.dtmf, Some(Events { payload_type: 98, clock_hz: 48_000 }));
    assert_eq!((agreed.fec, agreed.dtx), (true, true));
    assert_eq!(agreed.rtcp, Some("192.0.2.9:4010".parse().expect("address")));
    assert!(text.contains("m=audio 20000 RTP/AVP 96 98\r\na=rtpmap:96 opus/48000/2\r\n"), "{text}");
    let (_, narrow) = answer_offer(&offer, &ours(&[Codec::Pcmu], None), ORIGIN).expect("an answer");
    assert_eq!(narrow.dtmf, Some(Events { payload_type: 97, clock_hz: 8000 }));
}

#[test]
fn an_answer_with_numbers_of_its_own_is_sent_to_by_them_and_heard_by_ours() {
    let answer = read("m=audio 4000 RTP/AVP 120 9\na=rtpmap:120 OPUS/48000/2\na=rtcp:53020 IN IP4 192.0.2.77\n");

    let agreed = accept_answer(&answer, &ours(&[Codec::G722, Codec::Opus], None)).expect("media");

    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Opus, 120));
    assert_eq!(agreed.accepts, [Some((107, Codec::Opus)), Some((9, Codec::G722)), None, None]);
    assert_eq!(agreed.rtcp, Some("192.0.2.77:53020".parse().expect("address")));
}

#[test]
fn srtp_is_agreed_where_both_want_it_and_refused_where_one_must_have_it() {
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
    let lines = |protocol: &str, crypto: bool| {
        let crypto = if crypto { format!("a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:{key}\n") } else { String::new() };
        read(&format!("m=audio 4000 {protocol} 8\n{crypto}"))
    };
    for (required, protocol, theirs, expected) in [
        (None, "RTP/AVP", false, Ok(false)),
        (None, "RTP/AVP", true, Ok(false)),
        (None, "RTP/SAVP", true, Err(Refusal::NoSrtp)),
        (Some(false), "RTP/AVP", false, Ok(false)),
        (Some(false), "RTP/AVP", true, Ok(true)),
        (Some(false), "RTP/SAVP", true, Ok(true)),
        (Some(false), "RTP/SAVP", false, Err(Refusal::NoSrtp)),
        (Some(true), "RTP/AVP", false, Err(Refusal::NoSrtp)),
        (Some(true), "RTP/AVP", true, Ok(true)),
        (Some(true), "RTP/SAVP", true, Ok(true)),
    ] {
        let (offer, local) = (lines(protocol, theirs), ours(&[Codec::Pcma], required));
        let answered = answer_offer(&offer, &local, ORIGIN);
        let what = format!("{required:?} {protocol} {theirs}");
        assert_eq!(
            answered.as_ref().map(|(_, agreed)| agreed.crypto.is_some()).map_err(|why| *why),
            expected,
            "{what}"
        );
        if let Ok((text, Negotiated { crypto: Some(crypto), .. })) = answered {
            assert_eq!((crypto.suite, crypto.remote), (Suite::HmacSha1_32, KeySalt([1; 30])), "{what}");
            assert!(text.contains(&format!("m=audio 20000 {protocol} 8")), "{text}");
            assert!(text.contains("a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:"), "{text}");
        }
    }
}

#[test]
fn an_offer_shows_keys_in_the_profile_the_policy_asks_for() {
    for (required, protocol, lines) in [(None, "RTP/AVP", 0), (Some(false), "RTP/AVP", 2), (Some(true), "RTP/SAVP", 2)]
    {
        let text = offer(&ours(&[Codec::Pcma], required), ORIGIN);
        assert!(text.contains(&format!("m=audio 20000 {protocol} 8 101\r\n")), "{text}");
        assert_eq!(text.matches("a=crypto:").count(), lines);
    }
}
