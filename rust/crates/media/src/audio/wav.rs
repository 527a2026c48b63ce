//! Reading WAV files into samples at 8 kHz, and at 16 kHz if wanted.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec};

use crate::audio::resample::{RATE_HZ, WIDE_RATE_HZ, convert};

/// Longest prompt: a quarter of an hour, 29 MB in memory.
const MAX_SECONDS: u32 = 900;

/// Read a file: PCM of 8, 16, 24 or 32 bits or float, mono or stereo (mixed down), 8-48 kHz.
///
/// With `wide` the same comes at 16 kHz too, unless the file has no more than 8 kHz. The error is a sentence for people
/// that names the file.
pub(crate) fn read_wav(path: &Path, wide: bool) -> Result<(Vec<i16>, Option<Vec<i16>>), String> {
    let name = path.display();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let is_file = file.metadata().map(|data| data.is_file()).map_err(|error| format!("{name}: {error}"))?;
    if !is_file {
        return Err(format!("{name}: is not a regular file"));
    }
    decode_wav(BufReader::new(file), wide).map_err(|what| format!("{name}: {what}"))
}

/// Read the content of a file; the error is the second half of a sentence.
pub(crate) fn decode_wav(content: impl Read, wide: bool) -> Result<(Vec<i16>, Option<Vec<i16>>), String> {
    let reader = WavReader::new(content).map_err(|error| explain(&error))?;
    let spec = reader.spec();
    check(&spec, reader.duration())?;
    let mono = read_mono(reader, &spec).map_err(|error| explain(&error))?;
    let wide = (wide && spec.sample_rate > RATE_HZ).then(|| convert(&mono, spec.sample_rate, WIDE_RATE_HZ));
    Ok((convert(&mono, spec.sample_rate, RATE_HZ), wide))
}

fn check(spec: &WavSpec, samples: u32) -> Result<(), String> {
    if !(8000..=48000).contains(&spec.sample_rate) {
        return Err(format!("{} Hz is outside 8000-48000 Hz; convert it to 8000 or 16000 Hz", spec.sample_rate));
    }
    if !(1..=2).contains(&spec.channels) {
        return Err(format!("{} channels; convert it to mono", spec.channels));
    }
    if samples / spec.sample_rate >= MAX_SECONDS {
        return Err(format!("longer than {MAX_SECONDS} s; cut it into several files"));
    }
    Ok(())
}

fn read_mono<R: Read>(mut reader: WavReader<R>, spec: &WavSpec) -> Result<Vec<i16>, hound::Error> {
    #[allow(clippy::cast_possible_truncation)] // saturating for floats; integers are shifted to 16 bits before
    match spec.sample_format {
        SampleFormat::Float => {
            mixed(reader.samples::<f32>().map(|value| value.map(|sample| (sample * 32768.0).round() as i16)), spec)
        }
        SampleFormat::Int => {
            let up = 32 - u32::from(spec.bits_per_sample.clamp(1, 32));
            mixed(reader.samples::<i32>().map(|value| value.map(|sample| ((sample << up) >> 16) as i16)), spec)
        }
    }
}

fn mixed(
    mut samples: impl Iterator<Item = Result<i16, hound::Error>>,
    spec: &WavSpec,
) -> Result<Vec<i16>, hound::Error> {
    if spec.channels == 1 {
        return samples.collect();
    }
    let mut mono = Vec::new();
    while let Some(left) = samples.next() {
        let right = samples.next().unwrap_or(Ok(0))?;
        mono.push(left?.midpoint(right));
    }
    Ok(mono)
}

fn explain(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(error) => format!("cannot be read: {error}"),
        hound::Error::FormatError(what) => format!("is not a proper WAV file: {what}"),
        hound::Error::Unsupported | hound::Error::InvalidSampleFormat => {
            "is a kind of WAV that cannot be played; convert it to PCM16 mono".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::testing::temporary_folder;

    fn write<S: hound::Sample + Copy>(folder: &Path, name: &str, spec: WavSpec, samples: &[S]) -> PathBuf {
        let path = folder.join(name);
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for &sample in samples {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        path
    }

    fn spec(bits_per_sample: u16, sample_format: SampleFormat, channels: u16) -> WavSpec {
        WavSpec { channels, sample_rate: 8000, bits_per_sample, sample_format }
    }

    #[test]
    fn test_all_sample_formats_come_out_as_pcm16() {
        let folder = temporary_folder("wav");
        let int = SampleFormat::Int;
        let files = [
            write(&folder, "8.wav", spec(8, int, 1), &[0_i8, 64, -128]),
            write(&folder, "16.wav", spec(16, int, 1), &[0_i16, 16384, -32768]),
            write(&folder, "24.wav", spec(24, int, 1), &[0_i32, 1 << 22, -(1 << 23)]),
            write(&folder, "32.wav", spec(32, int, 1), &[0_i32, 1 << 30, i32::MIN]),
            write(&folder, "f.wav", spec(32, SampleFormat::Float, 1), &[0.0_f32, 0.5, -1.0]),
        ];

        for path in files {
            assert_eq!(read_wav(&path, false).unwrap().0, [0, 16384, -32768], "{}", path.display());
        }
    }

    #[test]
    fn test_stereo_is_mixed_down() {
        let folder = temporary_folder("wav");
        let path = write(&folder, "stereo.wav", spec(16, SampleFormat::Int, 2), &[100_i16, 300, -32768, -32768]);

        assert_eq!(read_wav(&path, false).unwrap().0, [200, -32768]);
    }

    #[test]
    fn test_other_rates_are_converted() {
        let folder = temporary_folder("wav");
        let spec = WavSpec { sample_rate: 16000, ..spec(16, SampleFormat::Int, 1) };
        let path = write(&folder, "16k.wav", spec, &[1000_i16; 1600]);

        let samples = read_wav(&path, false).unwrap().0;

        assert_eq!(samples.len(), 800);
        assert_eq!(samples[400], 1000);
    }

    #[test]
    fn test_errors_name_the_file_and_the_cause() {
        let folder = temporary_folder("wav");
        std::fs::write(folder.join("text.wav"), "not a wav file at all").unwrap();
        let fast = WavSpec { sample_rate: 96000, ..spec(16, SampleFormat::Int, 1) };
        let fast = write(&folder, "fast.wav", fast, &[0_i16; 4]);

        let missing = read_wav(&folder.join("none.wav"), false).unwrap_err();
        assert!(missing.contains("none.wav") && missing.contains("No such file"), "{missing}");
        let text = read_wav(&folder.join("text.wav"), false).unwrap_err();
        assert!(text.contains("not a proper WAV file"), "{text}");
        let fast = read_wav(&fast, false).unwrap_err();
        assert!(fast.contains("96000 Hz"), "{fast}");
        let directory = read_wav(&folder, false).unwrap_err();
        assert!(directory.contains("not a regular file"), "{directory}");
    }
}
