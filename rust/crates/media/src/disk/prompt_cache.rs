//! Decoded prompts in memory, by path, as long as the file does not change. The least recently played go first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::audio::wav::read_wav;
use crate::operation::player::Prompt;

/// Memory that an entry takes beside its samples: path, map, headers.
const ENTRY_BYTES: usize = 512;

#[derive(Debug)]
struct Entry {
    prompt: Arc<Prompt>,
    /// Decoded for wideband legs too, as far as the file has more to give.
    wide: bool,
    changed: Option<SystemTime>,
    file_bytes: u64,
    last_used: u64,
}

/// The cache. Belongs to the loader thread.
#[derive(Debug)]
pub(crate) struct PromptCache {
    entries: HashMap<PathBuf, Entry>,
    max_bytes: usize,
    bytes: usize,
    uses: u64,
    /// Files decoded.
    pub(crate) misses: u64,
}

impl PromptCache {
    /// Begin empty.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { entries: HashMap::new(), max_bytes, bytes: 0, uses: 0, misses: 0 }
    }

    /// Return the prompt of a file, decoded now if it is not known, was changed or is wanted at 16 kHz for the first
    /// time. The error is a sentence for people.
    pub(crate) fn get(&mut self, path: &Path, wide: bool) -> Result<Arc<Prompt>, String> {
        let data = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (changed, file_bytes) = (data.modified().ok(), data.len());
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(path)
            && (entry.changed, entry.file_bytes) == (changed, file_bytes)
            && (entry.wide || !wide)
        {
            entry.last_used = self.uses;
            return Ok(Arc::clone(&entry.prompt));
        }
        self.misses += 1;
        self.forget(path);
        let (narrow, samples) = read_wav(path, wide)?;
        let prompt = Arc::new(Prompt::new(narrow, samples));
        let cost = prompt.bytes() + ENTRY_BYTES;
        if cost <= self.max_bytes {
            self.make_room(cost);
            self.bytes += cost;
            let entry = Entry { prompt: Arc::clone(&prompt), wide, changed, file_bytes, last_used: self.uses };
            self.entries.insert(path.to_owned(), entry);
        }
        Ok(prompt)
    }

    fn make_room(&mut self, cost: usize) {
        while self.bytes + cost > self.max_bytes {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_used).map(|(path, _)| path.clone());
            let Some(path) = oldest else { return };
            self.forget(&path);
        }
    }

    fn forget(&mut self, path: &Path) {
        if let Some(entry) = self.entries.remove(path) {
            self.bytes -= entry.prompt.bytes() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{temporary_folder, write_wav};

    #[test]
    fn test_a_file_is_decoded_once() {
        let folder = temporary_folder("cache");
        let path = folder.join("a.wav");
        write_wav(&path, &[1; 800]);
        let mut cache = PromptCache::new(1 << 20);

        let first = cache.get(&path, false).unwrap();
        let second = cache.get(&path, false).unwrap();

        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(cache.misses, 1);
    }

    #[test]
    fn test_a_changed_file_is_decoded_again() {
        let folder = temporary_folder("cache");
        let path = folder.join("a.wav");
        write_wav(&path, &[1; 800]);
        let mut cache = PromptCache::new(1 << 20);
        cache.get(&path, false).unwrap();

        write_wav(&path, &[2; 1600]);

        assert_eq!(cache.get(&path, false).unwrap().bytes(), 6400);
        assert_eq!(cache.misses, 2);
        assert_eq!(cache.bytes, 6400 + ENTRY_BYTES);
    }

    #[test]
    fn test_the_least_recently_played_goes_first() {
        let folder = temporary_folder("cache");
        let paths: Vec<PathBuf> = (0..3).map(|name| folder.join(format!("{name}.wav"))).collect();
        for path in &paths {
            write_wav(path, &[0; 1000]);
        }
        let mut cache = PromptCache::new(2 * (4000 + ENTRY_BYTES));
        for index in [0, 1, 0, 2, 0] {
            cache.get(&paths[index], false).unwrap();
        }
        assert_eq!(cache.misses, 3);

        cache.get(&paths[1], false).unwrap();

        assert_eq!(cache.misses, 4);
        assert!(cache.bytes <= cache.max_bytes);
    }

    #[test]
    fn test_a_prompt_larger_than_the_cache_is_played_but_not_kept() {
        let folder = temporary_folder("cache");
        let path = folder.join("a.wav");
        write_wav(&path, &[0; 1000]);
        let mut cache = PromptCache::new(100);

        assert!(cache.get(&path, false).is_ok());
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn test_a_missing_file_is_an_error_each_time() {
        let mut cache = PromptCache::new(100);

        assert!(cache.get(Path::new("/no/such.wav"), false).unwrap_err().starts_with("/no/such.wav: "));
    }
}
