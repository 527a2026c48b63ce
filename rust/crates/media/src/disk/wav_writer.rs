//! Writing a WAV file that is valid at any time: the sizes in its header are brought up to date every two seconds.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two updates of the header: what a crash can cost.
const HEADER_INTERVAL: Duration = Duration::from_secs(2);
const HEADER_BYTES: u32 = 44;
const RATE_HZ: u32 = 8000;

/// A recording on disk: PCM16 at 8 kHz.
#[derive(Debug)]
pub(crate) struct WavWriter {
    file: File,
    channels: u16,
    data_bytes: u32,
    header_at: Instant,
    /// Samples as bytes, kept to be used again.
    buffer: Vec<u8>,
}

impl WavWriter {
    /// Create the file; what was there before is lost.
    pub(crate) fn create(path: &Path, channels: u16, now: Instant) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(&header(channels, 0))?;
        Ok(Self { file, channels, data_bytes: 0, header_at: now, buffer: Vec::new() })
    }

    /// Append silence, then samples (interleaved).
    pub(crate) fn append(&mut self, gap: usize, samples: &[i16], now: Instant) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.resize(gap * 2, 0);
        self.buffer.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let bytes = u32::try_from(self.buffer.len()).ok().and_then(|more| self.data_bytes.checked_add(more));
        // The sizes in a WAV file have 32 bits.
        let data_bytes = bytes.filter(|&bytes| bytes <= u32::MAX - HEADER_BYTES).ok_or(io::ErrorKind::FileTooLarge)?;
        self.file.write_all(&self.buffer)?;
        self.data_bytes = data_bytes;
        if now.saturating_duration_since(self.header_at) >= HEADER_INTERVAL {
            self.header_at = now;
            self.write_header()?;
        }
        Ok(())
    }

    /// Write the final sizes.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.write_header()
    }

    fn write_header(&self) -> io::Result<()> {
        self.file.write_all_at(&header(self.channels, self.data_bytes), 0)
    }
}

fn header(channels: u16, data_bytes: u32) -> [u8; HEADER_BYTES as usize] {
    let mut bytes = *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0data\0\0\0\0";
    bytes[4..8].copy_from_slice(&(data_bytes + HEADER_BYTES - 8).to_le_bytes());
    bytes[22..24].copy_from_slice(&channels.to_le_bytes());
    bytes[24..28].copy_from_slice(&RATE_HZ.to_le_bytes());
    bytes[28..32].copy_from_slice(&(RATE_HZ * 2 * u32::from(channels)).to_le_bytes());
    bytes[32..34].copy_from_slice(&(2 * channels).to_le_bytes());
    bytes[40..44].copy_from_slice(&data_bytes.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::temporary_folder;

    #[test]
    fn test_a_finished_file_is_read_by_others() {
        let folder = temporary_folder("writer");
        let path = folder.join("a.wav");
        let now = Instant::now();
        let mut writer = WavWriter::create(&path, 2, now).unwrap();
        writer.append(2, &[1, -2, 3, -4], now).unwrap();
        writer.finish().unwrap();

        let mut reader = hound::WavReader::open(&path).unwrap();

        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8000, 16));
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!(samples, [0, 0, 1, -2, 3, -4]);
    }

    #[test]
    fn test_a_file_left_by_a_crash_is_valid_and_lacks_at_most_two_seconds() {
        let folder = temporary_folder("writer");
        let path = folder.join("a.wav");
        let now = Instant::now();
        let mut writer = WavWriter::create(&path, 1, now).unwrap();
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 0);
        for piece in 1..=29_u32 {
            writer.append(0, &[7; 1600], now + Duration::from_millis(200) * piece).unwrap();
        }
        std::mem::forget(writer); // nothing runs when a process is killed

        let mut reader = hound::WavReader::open(&path).unwrap();

        assert_eq!(reader.duration(), 20 * 1600);
        assert!(reader.samples::<i16>().all(|sample| sample.unwrap() == 7));
    }
}
