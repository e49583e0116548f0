//! The reference of durable benches: records appended to a file in groups, one fdatasync for each group.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use tokio::sync::oneshot;

/// Most records of one group.
const GROUP_RECORDS_MAX: usize = 512;
/// Appends and syncs of one look at the disk alone.
const SYNCS: usize = 50;

/// A log, shared by its clones.
#[derive(Clone)]
pub(crate) struct AppendLog {
    waiting: mpsc::SyncSender<(Arc<[u8]>, oneshot::Sender<()>)>,
}

impl AppendLog {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let (waiting, requests) = mpsc::sync_channel::<(Arc<[u8]>, oneshot::Sender<()>)>(GROUP_RECORDS_MAX);
        thread::spawn(move || {
            let mut group = Vec::new();
            while let Ok((record, done)) = requests.recv() {
                let mut buffer = record.to_vec();
                group.push(done);
                while group.len() < GROUP_RECORDS_MAX
                    && let Ok((record, done)) = requests.try_recv()
                {
                    buffer.extend_from_slice(&record);
                    group.push(done);
                }
                file.write_all(&buffer).expect("the log can be written");
                file.sync_data().expect("the log can be synced");
                for done in group.drain(..) {
                    done.send(()).expect("a submitter waits");
                }
            }
        });
        Ok(Self { waiting })
    }

    /// Writes a record; it is durable when this answers.
    pub(crate) async fn append(&self, record: &Arc<[u8]>) {
        let (done, durable) = oneshot::channel();
        self.waiting.send((Arc::clone(record), done)).expect("the log's thread lives");
        durable.await.expect("the log's thread lives");
    }
}

/// How many milliseconds appends with an fdatasync take.
pub(crate) fn sync_millis(path: &Path) -> io::Result<Vec<f64>> {
    let mut file = File::create(path)?;
    let mut millis = Vec::new();
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[0; 512])?;
        file.sync_data()?;
        millis.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(millis)
}
