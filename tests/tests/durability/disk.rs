//! A disk that knows what was only written and what was synced.
//!
//! Nothing but `fsync` and `fdatasync` makes anything durable: of a file its bytes, of a directory the names in it.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use crate::trace::{Event, Record, Trace};

/// A file or directory, by number.
pub(crate) type Node = usize;
/// The names in a directory.
pub(crate) type Names = BTreeMap<String, Node>;

const ROOT: Node = 0;

/// The directory that was watched, at one moment of its history.
#[derive(Default)]
pub(crate) struct Disk {
    root: String,
    pub(crate) files: Vec<File>,
    /// The names as the process sees them, and as they are durable.
    seen: HashMap<Node, Names>,
    pub(crate) durable: HashMap<Node, Names>,
    /// Changes of names since then.
    pub(crate) renamed: Vec<Renamed>,
    open: HashMap<(u32, i32), Node>,
}

/// The bytes of a file, and what was written since they were synced.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) durable: Vec<u8>,
    pub(crate) written: Vec<Written>,
}

#[derive(Clone)]
pub(crate) enum Written {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

/// A name that came, and one that went. Both at once is a rename, which file systems do as one.
pub(crate) struct Renamed {
    pub(crate) came: Option<(Node, String, Node)>,
    pub(crate) went: Option<(Node, String)>,
    /// The file itself was synced meanwhile, which many file systems take for its name, too.
    pub(crate) is_synced_by_file: bool,
}

impl Disk {
    /// An empty directory.
    pub(crate) fn new(root: &Path) -> Self {
        let root = root.to_str().expect("our paths are text").to_owned();
        let names = || HashMap::from([(ROOT, Names::new())]);
        Self { root, files: vec![File::default()], seen: names(), durable: names(), ..Self::default() }
    }

    /// A directory with what is in it, all of which is durable.
    pub(crate) fn of(root: &Path) -> Self {
        let mut disk = Self::new(root);
        disk.take(root, ROOT);
        disk.durable.clone_from(&disk.seen);
        disk
    }

    fn take(&mut self, directory: &Path, node: Node) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let taken = self.node();
            if entry.file_type().unwrap().is_dir() {
                self.seen.insert(taken, Names::new());
                self.take(&entry.path(), taken);
            } else {
                self.files[taken].durable = fs::read(entry.path()).unwrap();
            }
            let name = entry.file_name().into_string().expect("our paths are text");
            self.seen.entry(node).or_default().insert(name, taken);
        }
    }

    /// Does what the process did.
    pub(crate) fn apply(&mut self, trace: &Trace, record: &Record) {
        let (descriptor, event) = trace.event(record);
        match event {
            Event::Start => self.open.retain(|(process, _), _| *process != descriptor.0),
            Event::Open { path, is_created, is_emptied } => {
                if is_created {
                    let node = self.node();
                    self.enter(path, node, None);
                }
                let node = self.find(path);
                if is_emptied && !is_created {
                    self.files[node].written.push(Written::Length(0));
                }
                self.open.insert(descriptor, node);
            }
            Event::Close => drop(self.open.remove(&descriptor)),
            Event::Write { offset, bytes } => {
                let offset = usize::try_from(offset).unwrap();
                let node = self.open[&descriptor];
                self.files[node].written.push(Written::Bytes(offset, bytes.to_vec()));
            }
            Event::Resize { length } => {
                let length = usize::try_from(length).unwrap();
                self.files[self.open[&descriptor]].written.push(Written::Length(length));
            }
            Event::Sync => self.sync(self.open[&descriptor]),
            Event::FailedSync => self.files[self.open[&descriptor]].written.clear(),
            Event::Mkdir { path } => {
                let node = self.node();
                self.seen.insert(node, Names::new());
                self.durable.insert(node, Names::new());
                self.enter(path, node, None);
            }
            Event::Rename { from, to } => {
                let (node, went) = (self.find(from), self.leave(from));
                self.enter(to, node, Some(went));
            }
            Event::Link { from, to } => self.enter(to, self.find(from), None),
            Event::Unlink { path } | Event::Rmdir { path } => {
                let went = Some(self.leave(path));
                self.renamed.push(Renamed { came: None, went, is_synced_by_file: false });
            }
            Event::Failed => {}
        }
    }

    fn sync(&mut self, node: Node) {
        let file = &mut self.files[node];
        for written in std::mem::take(&mut file.written) {
            written.apply(&mut file.durable);
        }
        let mut left = Vec::new();
        for mut renamed in std::mem::take(&mut self.renamed) {
            if renamed.directory() == node {
                renamed.apply(&mut self.durable);
            } else {
                renamed.is_synced_by_file |= matches!(renamed.came, Some((_, _, came)) if came == node);
                left.push(renamed);
            }
        }
        self.renamed = left;
    }

    fn node(&mut self) -> Node {
        self.files.push(File::default());
        self.files.len() - 1
    }

    fn enter(&mut self, path: &str, node: Node, went: Option<(Node, String)>) {
        let (directory, name) = self.place(path);
        self.seen.entry(directory).or_default().insert(name.clone(), node);
        self.renamed.push(Renamed { came: Some((directory, name, node)), went, is_synced_by_file: false });
    }

    fn leave(&mut self, path: &str) -> (Node, String) {
        let (directory, name) = self.place(path);
        self.seen.entry(directory).or_default().remove(&name);
        (directory, name)
    }

    fn place(&self, path: &str) -> (Node, String) {
        let (directory, name) = path.rsplit_once('/').expect("paths are absolute");
        (self.find(directory), name.to_owned())
    }

    fn find(&self, path: &str) -> Node {
        let inner = path.strip_prefix(&self.root).expect("what is recorded lies below the root");
        let names = inner.split('/').filter(|name| !name.is_empty());
        names.fold(ROOT, |node, name| {
            let found = self.seen.get(&node).and_then(|names| names.get(name));
            *found.unwrap_or_else(|| panic!("`{path}` is used and was never made"))
        })
    }

    /// Every file and directory (without bytes) below the root, under these names.
    pub(crate) fn walk(names: &HashMap<Node, Names>) -> Vec<(String, Node, bool)> {
        let (mut found, mut left) = (Vec::new(), vec![(String::new(), ROOT)]);
        while let Some((path, directory)) = left.pop() {
            for (name, node) in names.get(&directory).into_iter().flatten() {
                let path = format!("{path}{name}");
                let is_directory = names.contains_key(node);
                if is_directory {
                    left.push((format!("{path}/"), *node));
                }
                found.push((path, *node, is_directory));
            }
        }
        found.sort();
        found
    }
}

impl Written {
    pub(crate) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Bytes(offset, bytes) => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => file.resize(*length, 0),
        }
    }
}

impl Renamed {
    /// The directory whose sync makes it durable.
    fn directory(&self) -> Node {
        match (&self.came, &self.went) {
            (Some((directory, ..)), _) | (None, Some((directory, _))) => *directory,
            (None, None) => ROOT,
        }
    }

    pub(crate) fn apply(&self, names: &mut HashMap<Node, Names>) {
        if let Some((directory, name)) = &self.went {
            names.entry(*directory).or_default().remove(name);
        }
        if let Some((directory, name, node)) = &self.came {
            names.entry(*directory).or_default().insert(name.clone(), *node);
        }
    }
}
