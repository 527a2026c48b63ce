//! The committed inputs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Inputs of one target, in the order of their names.
#[derive(Debug, Default)]
pub struct Corpus {
    /// File name and content.
    pub inputs: Vec<(String, Vec<u8>)>,
}

impl Corpus {
    /// Read a folder; an error if it is not there.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut inputs = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                inputs.push((name, fs::read(path)?));
            }
        }
        inputs.sort();
        Ok(Self { inputs })
    }

    /// Inputs of a target in `rust/fuzz/corpus`.
    pub fn of(target: &str) -> io::Result<Self> {
        Self::read(&corpora_folder().join(target))
    }

    /// The messages of RFC 4475 and RFC 5118, lines ending as on the wire.
    pub fn torture() -> io::Result<Self> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip/tests/data");
        let mut all = Self::read(&data.join("rfc4475"))?;
        for (name, content) in Self::read(&data.join("rfc5118"))?.inputs {
            let lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
            all.inputs.push((name, lines.join(b"\r\n".as_slice())));
        }
        Ok(all)
    }
}

/// Where the corpora are.
pub fn corpora_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}
