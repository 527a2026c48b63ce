//! Threads that may block: one decodes prompts, one writes recordings. Both answer to the shard that asked.

pub(crate) mod loader;
pub(crate) mod prompt_cache;
pub(crate) mod recorder;
pub(crate) mod wav_writer;

use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::command::OpId;
use crate::operation::player::Prompt;
use crate::output::DiskJob;

/// What a disk thread tells a shard.
#[derive(Debug)]
pub(crate) enum DiskReply {
    /// The prompts of an operation, or why there are none.
    Prompts { op: OpId, loaded: Result<Vec<Arc<Prompt>>, String> },
    /// A recording is closed, or failed.
    Recording { op: OpId, outcome: Result<(), String> },
}

/// A job and where its answer goes.
#[derive(Debug)]
pub(crate) struct DiskRequest {
    pub(crate) job: DiskJob,
    pub(crate) reply: Sender<DiskReply>,
}
