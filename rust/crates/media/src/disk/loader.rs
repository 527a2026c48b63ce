//! The thread that decodes prompts.

use crossbeam_channel::Receiver;

use super::prompt_cache::PromptCache;
use super::{DiskReply, DiskRequest};
use crate::output::DiskJob;

/// Serve requests until every sender is gone.
pub(crate) fn run(requests: &Receiver<DiskRequest>, cache_bytes: usize) {
    let mut cache = PromptCache::new(cache_bytes);
    for DiskRequest { job, reply } in requests {
        if let DiskJob::Load { op, files, wide } = job {
            // All of them before the first is played: a bad file must not be found out in the middle.
            let loaded = files.iter().map(|path| cache.get(path, wide)).collect();
            // A shard that is gone needs no answer.
            let _ = reply.send(DiskReply::Prompts { op, loaded });
        }
    }
}
