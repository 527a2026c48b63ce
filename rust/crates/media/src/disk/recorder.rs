//! The thread that writes recordings.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use super::wav_writer::WavWriter;
use super::{DiskReply, DiskRequest};
use crate::command::OpId;
use crate::output::DiskJob;

/// Serve requests until every sender is gone; what is open then is closed.
pub(crate) fn run(requests: &Receiver<DiskRequest>) {
    let mut recordings = Recordings::default();
    for DiskRequest { job, reply } in requests {
        recordings.serve(job, &reply, Instant::now());
    }
    recordings.close_all();
}

/// Open recordings by operation.
#[derive(Debug, Default)]
pub(crate) struct Recordings {
    open: HashMap<OpId, (PathBuf, WavWriter)>,
}

impl Recordings {
    /// Do one job.
    pub(crate) fn serve(&mut self, job: DiskJob, reply: &Sender<DiskReply>, now: Instant) {
        let outcome = match job {
            DiskJob::Load { .. } => None,
            DiskJob::Create { op, path, channels } => match WavWriter::create(&path, channels, now) {
                Ok(writer) => {
                    self.open.insert(op, (path, writer));
                    None
                }
                Err(error) => Some((op, Err(cannot("created", &path, &error)))),
            },
            DiskJob::Append { op, gap, samples } => self.append(op, gap, &samples, now).map(|why| (op, Err(why))),
            DiskJob::Finish { op } => self.open.remove(&op).map(|(path, writer)| {
                let outcome = writer.finish().map_err(|error| cannot("finished", &path, &error));
                (op, outcome)
            }),
        };
        if let Some((op, outcome)) = outcome {
            // A shard that is gone needs no answer.
            let _ = reply.send(DiskReply::Recording { op, outcome });
        }
    }

    /// Append to a recording; return why it failed, in which case it is over. One that is over already takes nothing.
    fn append(&mut self, op: OpId, gap: usize, samples: &[i16], now: Instant) -> Option<String> {
        let (path, writer) = self.open.get_mut(&op)?;
        let why = cannot("written", path, &writer.append(gap, samples, now).err()?);
        // The file stays valid as far as its header says.
        self.open.remove(&op);
        Some(why)
    }

    fn close_all(&mut self) {
        for (_, (_, writer)) in self.open.drain() {
            // Nobody is left to be told.
            let _ = writer.finish();
        }
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> String {
    format!("recording {} cannot be {what}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::temporary_folder;

    fn serve(recordings: &mut Recordings, job: DiskJob) -> Option<Result<(), String>> {
        let (reply, replies) = crossbeam_channel::unbounded();
        recordings.serve(job, &reply, Instant::now());
        replies.try_recv().ok().map(|reply| match reply {
            DiskReply::Recording { outcome, .. } => outcome,
            DiskReply::Prompts { .. } => panic!("no prompts were asked for"),
        })
    }

    #[test]
    fn test_a_recording_is_closed_before_its_end_is_reported() {
        let folder = temporary_folder("recorder");
        let path = folder.join("a.wav");
        let mut recordings = Recordings::default();
        assert_eq!(serve(&mut recordings, DiskJob::Create { op: 1, path: path.clone(), channels: 1 }), None);
        assert_eq!(serve(&mut recordings, DiskJob::Append { op: 1, gap: 3, samples: vec![5; 7] }), None);

        assert_eq!(serve(&mut recordings, DiskJob::Finish { op: 1 }), Some(Ok(())));

        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 10);
        assert_eq!(serve(&mut recordings, DiskJob::Finish { op: 1 }), None);
    }

    #[test]
    fn test_a_folder_that_is_not_there_is_reported_once() {
        let folder = temporary_folder("recorder");
        let path = folder.join("none/a.wav");
        let mut recordings = Recordings::default();

        let why = serve(&mut recordings, DiskJob::Create { op: 1, path, channels: 1 }).unwrap().unwrap_err();

        assert!(why.contains("none/a.wav cannot be created: No such file"), "{why}");
        assert_eq!(serve(&mut recordings, DiskJob::Append { op: 1, gap: 0, samples: vec![1] }), None);
        assert_eq!(serve(&mut recordings, DiskJob::Finish { op: 1 }), None);
    }

    #[test]
    fn test_a_full_disk_ends_the_recording() {
        // Linux has a device that is always full; its header is refused like any other write.
        let mut recordings = Recordings::default();

        let job = DiskJob::Create { op: 1, path: "/dev/full".into(), channels: 1 };
        let why = serve(&mut recordings, job).unwrap().unwrap_err();

        assert!(why.contains("No space left"), "{why}");
    }
}
