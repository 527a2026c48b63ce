//! RTCP as the far end gets it, and the figures of a leg.

use super::stage::{Stage, Talk, address, remote, speech};
use crate::command::{Codec, RemoteMedia};
use crate::event::{MediaEvent, MediaStats};
use crate::output::Channel;
use crate::wire::rtcp::{ReportBlock, RtcpPacket, SenderInfo, pack_report, unpack_rtcp};

fn stage() -> Stage {
    Stage::with_legs(&[(1, Codec::Pcma)])
}

fn reports(stage: &Stage) -> Vec<(u64, Option<SenderInfo>, Vec<ReportBlock>)> {
    let report = |(at, _, bytes): &(u64, _, Vec<u8>)| match unpack_rtcp(bytes).unwrap().swap_remove(0) {
        RtcpPacket::Report { sender, blocks, .. } => (*at, sender, blocks),
        other => panic!("{other:?} comes first"),
    };
    stage.rtcp[&1].iter().map(report).collect()
}

fn stats(stage: &mut Stage) -> MediaStats {
    stage.close(1);
    let pick =
        |event: &MediaEvent| if let MediaEvent::Stats { stats, .. } = event { Some(stats.clone()) } else { None };
    stage.events_of(pick)[0].1.clone()
}

#[test]
fn test_reports_go_to_the_port_above_every_five_seconds() {
    let mut stage = stage();
    stage.run(13_000);

    let times: Vec<u64> = stage.rtcp[&1].iter().map(|(at, ..)| at / 100 * 100).collect();
    assert_eq!(times, [2500, 7500, 12_500]);
    assert!(stage.rtcp[&1].iter().all(|(_, to, _)| to.ip() == address(1).ip() && to.port() == 4001));
}

#[test]
fn test_reports_say_what_was_sent_and_what_was_lost() {
    let mut stage = stage();
    stage.talk(1, &speech(1, 8000), Talk { loss_percent: 10, ..Talk::default() });
    stage.run(8000);

    let reports = reports(&stage);
    let (at, sender, blocks) = &reports[1];
    let sender = sender.unwrap();
    assert_eq!(sender.packets as usize, stage.heard[&1].iter().filter(|packet| packet.at_ms <= *at).count());
    assert_eq!(sender.octets, sender.packets * 160);
    assert_eq!(sender.ntp >> 32, 0xea00_0000 + at / 1000);
    let block = blocks[0];
    assert_eq!(block.ssrc, Talk::default().ssrc);
    assert!((24..=27).contains(&block.fraction_lost), "{} of 256", block.fraction_lost);
    assert!((36..=38).contains(&block.cumulative_lost), "{}", block.cumulative_lost);
    let stats = stats(&mut stage);
    assert_eq!((stats.packets_received, stats.packets_lost), (360, 39), "the last one lost is not missed yet");
    assert!((700..=820).contains(&stats.concealed_ms), "{} ms", stats.concealed_ms);
    let mos = stats.mos.unwrap();
    assert!((3.0..3.4).contains(&mos), "10 % of single losses: {mos}");
}

#[test]
fn test_round_trip_and_loss_come_from_the_far_ends_report() {
    let mut stage = stage();
    stage.run(3000);
    let (at, sender, _) = reports(&stage)[0].clone();
    let block = ReportBlock {
        ssrc: 0x1001,
        fraction_lost: 64,
        cumulative_lost: 3,
        highest_sequence: 1,
        jitter_rtp_ts: 0,
        last_sr: (sender.unwrap().ntp >> 16) as u32,
        delay_since_sr: 65536,
    };
    let mut bytes = Vec::new();
    pack_report(5, None, Some(&block), &mut bytes);
    // Held for one second there, and on the way for 84 ms.
    let far = address(1);
    stage.packet(1, Channel::Rtcp, far, at + 1084 - stage.at_ms(), bytes);
    stage.run(2000);

    let stats = stats(&mut stage);
    let round_trip = stats.round_trip_ms.unwrap();
    assert!((round_trip - 84.0).abs() < 0.1, "{round_trip}");
    assert_eq!(stats.remote_loss, Some(0.25));
}

#[test]
fn test_rtcp_of_other_hosts_is_dropped_and_that_of_another_port_is_answered() {
    let mut stage = stage();
    let mut bytes = Vec::new();
    pack_report(5, None, None, &mut bytes);
    stage.packet(1, Channel::Rtcp, address(66), 0, bytes.clone());
    stage.packet(1, Channel::Rtcp, "192.0.2.1:9999".parse().unwrap(), 0, bytes.clone());
    stage.packet(1, Channel::Rtcp, address(1), 0, vec![0x80, 200]);
    stage.run(3000);

    assert_eq!(stage.count("dropped_rtcp_foreign"), 1);
    assert_eq!(stage.count("dropped_rtcp_malformed"), 1);
    assert_eq!(stage.count("media_rtcp_received"), 1);
    assert_eq!(stage.rtcp[&1][0].1, "192.0.2.1:9999".parse().unwrap());
}

#[test]
fn test_reports_follow_a_new_address_in_sdp() {
    let mut stage = stage();
    let mut bytes = Vec::new();
    pack_report(5, None, None, &mut bytes);
    stage.packet(1, Channel::Rtcp, "192.0.2.1:9999".parse().unwrap(), 0, bytes);
    stage.run(3000);
    stage.set_remote(1, RemoteMedia { address: address(50), ..remote(1, Codec::Pcma) });
    stage.run(5000);

    let targets: Vec<_> = stage.rtcp[&1].iter().map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(targets, ["192.0.2.1:9999", "192.0.2.50:4001"]);
}

#[test]
fn test_rtcp_on_the_rtp_port_is_understood() {
    let mut stage = stage();
    let mut bytes = Vec::new();
    pack_report(5, None, None, &mut bytes);
    stage.packet(1, Channel::Rtp, address(1), 0, bytes);
    stage.run(20);

    assert_eq!(stage.count("media_rtcp_received"), 1);
    assert!(stage.events.is_empty());
}

#[test]
fn test_closing_says_goodbye_then_reports_figures_and_the_end() {
    let mut stage = stage();
    stage.run(100);
    stage.close(1);

    let (_, _, bytes) = stage.rtcp[&1].last().unwrap();
    assert_eq!(unpack_rtcp(bytes).unwrap()[2], RtcpPacket::Goodbye { sources: vec![0x1001] });
    let ends: Vec<&MediaEvent> = stage.events.iter().map(|(_, event)| event).collect();
    assert!(matches!(ends[..], [MediaEvent::Stats { leg: 1, .. }, MediaEvent::Closed { leg: 1 }]), "{ends:?}");
    assert_eq!(stage.count("media_legs"), 0);
    assert!(stage.shard.is_idle());
}

#[test]
fn test_a_leg_without_a_remote_closes_silently() {
    let mut stage = Stage::new();
    stage.open(1);
    stage.run(10_000);
    stage.close(1);

    assert!(stage.rtcp.is_empty() && stage.heard.is_empty());
    assert_eq!(stats_codec(&stage), None);
}

fn stats_codec(stage: &Stage) -> Option<Codec> {
    let pick = |event: &MediaEvent| if let MediaEvent::Stats { stats, .. } = event { Some(stats.codec) } else { None };
    stage.events_of(pick)[0].1
}
