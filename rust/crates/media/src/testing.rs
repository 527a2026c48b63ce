//! What tests of several modules share.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is gone when the test is over.
pub(crate) struct TemporaryFolder(PathBuf);

impl Deref for TemporaryFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A test that fails need not fail twice.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Make a new empty folder under the system's folder for temporary files.
pub(crate) fn temporary_folder(name: &str) -> TemporaryFolder {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("ringback-media-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    TemporaryFolder(folder)
}

/// Write samples to a WAV file, PCM16 mono at 8 kHz.
pub(crate) fn write_wav(path: &Path, samples: &[i16]) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}
