use std::f64::consts::TAU;

use super::*;

fn tone(frequency_hz: f64, amplitude: f64, count: usize) -> Vec<i16> {
    (0..count).map(|n| (amplitude * (TAU * frequency_hz * n as f64 / 16000.0).sin()) as i16).collect()
}

/// Tones and the bytes that `libg722` (in the Python package `G722` 1.2.8) makes of them.
const VECTORS: [(f64, [u8; 32]); 2] = [
    (
        1000.0,
        [
            250, 148, 37, 136, 33, 145, 160, 160, 96, 175, 200, 198, 209, 222, 240, 235, 238, 123, 212, 208, 211, 190,
            176, 236, 240, 252, 85, 209, 148, 254, 241, 173,
        ],
    ),
    (
        5000.0,
        [
            183, 27, 135, 32, 132, 32, 152, 45, 145, 178, 61, 151, 48, 23, 191, 51, 149, 180, 61, 152, 48, 24, 191, 51,
            149, 180, 61, 152, 113, 25, 191, 51,
        ],
    ),
];

fn there_and_back(samples: &[i16]) -> Vec<i16> {
    let mut bytes = vec![0; samples.len() / 2];
    Encoder::new().encode(samples, &mut bytes);
    let mut out = vec![0; samples.len()];
    Decoder::new().decode(&bytes, &mut out);
    out
}

/// Signal to noise of what came back, at the delay of the two mirror filters.
fn snr_db(samples: &[i16]) -> f64 {
    const DELAY: usize = 22;
    let back = there_and_back(samples);
    let (mut signal, mut noise) = (0.0, 1e-9);
    for (&before, &after) in samples[1000..].iter().zip(&back[1000 + DELAY..]) {
        signal += f64::from(before).powi(2);
        noise += (f64::from(before) - f64::from(after)).powi(2);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn test_tones_of_both_bands_survive() {
    for (frequency, least_db) in [(300.0, 30.0), (1000.0, 30.0), (3000.0, 25.0), (5000.0, 12.0), (6500.0, 12.0)] {
        let snr = snr_db(&tone(frequency, 8000.0, 16000));
        assert!(snr > least_db, "{frequency} Hz: {snr:.1} dB");
    }
}

#[test]
fn test_silence_and_full_scale_stay_in_bounds() {
    assert!(there_and_back(&[0; 3200]).iter().all(|sample| sample.abs() < 8));
    let square: Vec<i16> = (0..16000).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let back = there_and_back(&square);
    assert!(back.iter().any(|&sample| sample > 20000) && back.iter().any(|&sample| sample < -20000));
}

#[test]
fn test_bytes_are_those_of_other_implementations() {
    for (frequency, expected) in VECTORS {
        let mut bytes = [0; 32];
        Encoder::new().encode(&tone(frequency, 8000.0, 64), &mut bytes);
        assert_eq!(bytes, expected, "{frequency} Hz");
    }
}

#[test]
fn test_any_bytes_can_be_decoded() {
    let mut state = 1_u32;
    let bytes: Vec<u8> = (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut samples = vec![0; 2 * bytes.len()];
    Decoder::new().decode(&bytes, &mut samples);
    assert!(samples.iter().any(|&sample| sample != 0));
}
