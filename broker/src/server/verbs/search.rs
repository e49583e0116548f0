//! Searching for jobs: a filter over what lists show of them.

use std::{cmp::Ordering, collections::BTreeSet};

use serde_json::{Value, json};
use windlass_core::{
    job::{Job, Timestamp, sequence},
    query::{Bounds, Filter, Order, Path, Selection},
};
use windlass_wire::{
    id::JobId,
    job::JobPage,
    limits::{PAGE_JOBS_DEFAULT, PAGE_JOBS_MAX},
    problem::Problem,
    query::JobQuery,
    state::JobState,
};

use crate::server::{
    context::{Caller, Context},
    translate::{JobFields, filter_error, job_view, timestamp},
    typed::refused_at,
};
use crate::store::{
    Store, StoreError,
    index::Term,
    listing::{Cursor, Life, Listing, PAGE_BYTES_MAX, Within},
};

/// Terms of the index one of which a job must have; with more it is searched as if there were no index.
const GROUP_TERMS_MAX: usize = 32;
/// Groups of them.
const GROUPS_MAX: usize = 8;

/// A search that was understood.
pub(in crate::server) struct Search {
    filter: Filter,
    order: Order,
    selection: Option<Selection>,
    limit: usize,
    from: From,
}

/// Where a page begins.
enum From {
    /// With the first job.
    Start,
    /// After a place among the newest.
    Place(Cursor),
    /// After a job of an order, known by what it is ordered by and its sequence number.
    Job(Rank),
}

/// What a job is ordered by, and its sequence number: among equals the newest comes first.
type Rank = (Vec<Value>, u64);

impl Search {
    /// Understands a query; a refusal points to the mistake.
    pub(in crate::server) fn new(query: JobQuery) -> Result<Self, Problem> {
        let filter = filter(query.filter)?;
        let order = Order::parse(&query.sort, "/sort", &JobFields).map_err(|error| filter_error(&error))?;
        let selection =
            query.fields.map(|fields| Selection::parse(&fields, "/fields", &JobFields)).transpose();
        let mut selection = selection.map_err(|error| filter_error(&error))?;
        if let Some(selection) = &mut selection {
            selection.keep(&Path::of(["id"]));
        }
        let limit = query.limit.unwrap_or(PAGE_JOBS_DEFAULT);
        if !(1..=PAGE_JOBS_MAX).contains(&limit) {
            return Err(refused_at("/limit", format!("expected 1 to {PAGE_JOBS_MAX}")));
        }
        let from = match query.cursor {
            None => From::Start,
            Some(text) => from(&text, &order).ok_or_else(|| {
                refused_at(
                    "/cursor",
                    "not a cursor of this query; pass `next` of the page before, or leave it out",
                )
            })?,
        };
        Ok(Self { filter, order, selection, limit, from })
    }

    /// The place after which a page of newest jobs begins.
    fn place(&self) -> Option<Cursor> {
        match &self.from {
            From::Place(cursor) => Some(*cursor),
            From::Start | From::Job(_) => None,
        }
    }

    fn shown(&self, document: Value) -> Value {
        match &self.selection {
            Some(selection) => selection.of(&document),
            None => document,
        }
    }

    fn compare(&self, left: &Rank, right: &Rank) -> Ordering {
        // Among equals the order of submission, so that the opposite order lists the same jobs backwards.
        let (first, second) = if self.order.is_ascending() { (left, right) } else { (right, left) };
        self.order.compare(&left.0, &right.0).then(first.1.cmp(&second.1))
    }
}

/// Understands a filter over jobs; a refusal points to `/filter/…`.
pub(super) fn filter(filter: serde_json::Map<String, Value>) -> Result<Filter, Problem> {
    Filter::parse(&Value::Object(filter), "/filter", &JobFields).map_err(|error| filter_error(&error))
}

fn from(text: &str, order: &Order) -> Option<From> {
    if order.is_empty() {
        return text.parse().ok().map(From::Place);
    }
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()?;
    let rank: Rank = serde_json::from_slice(&bytes).ok()?;
    (rank.0.len() == order.len()).then_some(From::Job(rank))
}

fn cursor(rank: &Rank) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(json!(rank).to_string())
}

/// A page of the caller's jobs.
pub(in crate::server) async fn query(
    context: &Context,
    caller: &Caller,
    search: Search,
) -> Result<JobPage<Value>, Problem> {
    let (channel, running) = (caller.channel.clone(), running(context, &search.filter));
    context
        .search(move |store| {
            let scope = Scope::new(store, &channel, &search.filter)?.among(running);
            if search.order.is_empty() {
                newest(store, &scope, &search)
            } else {
                ordered(store, &scope, &search)
            }
        })
        .await
}

/// The jobs a filter can only mean if it asks for running ones: those that its worker knows of. They are the oldest
/// of their queues as a rule, and so the last that a search would come upon.
pub(super) fn running(context: &Context, filter: &Filter) -> Option<BTreeSet<JobId>> {
    let states = filter.required(&Path::of(["state"]))?;
    let is_meant = states.into_iter().eq([JobState::Running.name()]);
    is_meant.then(|| context.driver.worker().running_jobs().iter().map(|job| job.id).collect())
}

/// The newest jobs first, as the store has them.
fn newest(store: &Store, scope: &Scope<'_>, search: &Search) -> Result<JobPage<Value>, StoreError> {
    let mut items = Vec::new();
    let page = store.jobs(&scope.listing(search.limit, search.place()), |job| {
        let found = scope.document(job)?.map(|document| items.push(search.shown(document)));
        Ok(found.is_some())
    })?;
    Ok(JobPage { items, next: page.next.map(|cursor| cursor.to_string()), cut: page.cut })
}

/// The first of all jobs that were looked at, in an order. Only what they are ordered by is held of all of them.
fn ordered(store: &Store, scope: &Scope<'_>, search: &Search) -> Result<JobPage<Value>, StoreError> {
    let mut found: Vec<(Rank, JobId)> = Vec::new();
    let order = |found: &mut Vec<(Rank, JobId)>| {
        found.sort_by(|(left, _), (right, _)| search.compare(left, right));
        // One more than asked for tells whether there is a next page.
        found.truncate(search.limit + 1);
    };
    let page = store.jobs(&scope.listing(usize::MAX, None), |job| {
        let Some(document) = scope.document(job)? else { return Ok(false) };
        let rank = (search.order.key(&document), sequence(job.id));
        let is_behind = match &search.from {
            From::Job(last) => search.compare(last, &rank) == Ordering::Less,
            From::Start | From::Place(_) => true,
        };
        if is_behind {
            found.push((rank, job.id));
        }
        if found.len() > 2 * search.limit {
            order(&mut found);
        }
        Ok(false)
    })?;
    order(&mut found);
    let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
    for (rank, id) in &found {
        if items.len() == search.limit || bytes >= PAGE_BYTES_MAX {
            break;
        }
        last = Some(rank);
        // A job may have been purged since it was found, or have changed: then it is shown as it is now.
        if let Some(job) = store.job(*id)? {
            let shown = search.shown(document(&job)?);
            bytes += shown.to_string().len();
            items.push(shown);
        }
    }
    let is_last = found.last().map(|(rank, _)| rank) == last;
    Ok(JobPage { items, next: last.filter(|_| !is_last).map(cursor), cut: page.cut })
}

/// A job as lists show it.
fn document(job: &Job) -> Result<Value, StoreError> {
    serde_json::to_value(job_view(job, None))
        .map_err(|error| StoreError::Unwritable { what: "a job".to_owned(), detail: error.to_string() })
}

/// What a filter means among the jobs of one channel, and where they can be.
pub(super) struct Scope<'search> {
    channel: &'search str,
    filter: &'search Filter,
    states: Option<BTreeSet<&'search str>>,
    handlers: Option<BTreeSet<&'search str>>,
    within: Within,
    life: Life,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl<'search> Scope<'search> {
    /// Finds out where to look.
    pub(super) fn new(
        store: &Store,
        channel: &'search str,
        filter: &'search Filter,
    ) -> Result<Self, StoreError> {
        let required = |field: &str| filter.required(&Path::of([field]));
        let states = required("state");
        let within = if let Some(ids) = required("id") {
            Within::Jobs(ids.into_iter().filter_map(|id| id.parse().ok()).collect())
        } else {
            let queues = queues(store, channel, required("queue").as_ref())?;
            let groups = groups(channel, filter);
            if groups.is_empty() { Within::Queues(queues) } else { Within::Terms { groups, queues } }
        };
        let Bounds { min, max } = filter.bounds(&Path::of(["submitted_at"]));
        let (since, until) = (min.as_deref().and_then(timestamp), max.as_deref().and_then(timestamp));
        Ok(Self {
            channel,
            filter,
            life: life(states.as_ref()),
            states,
            handlers: required("handler"),
            within,
            since,
            until: until.map(|last| last.plus_millis(1)),
        })
    }

    /// Leaves out jobs that are not in this part of their life.
    #[must_use]
    pub(super) fn narrowed(mut self, life: Life) -> Self {
        self.life = life;
        self
    }

    /// Looks among these only, if there are any to name.
    #[must_use]
    pub(super) fn among(mut self, jobs: Option<BTreeSet<JobId>>) -> Self {
        let is_named = matches!(self.within, Within::Jobs(_));
        if let Some(jobs) = jobs.filter(|_| !is_named) {
            self.within = Within::Jobs(jobs);
        }
        self
    }

    /// What to read.
    pub(super) fn listing(&self, limit: usize, cursor: Option<Cursor>) -> Listing {
        let (within, life) = (self.within.clone(), self.life);
        Listing { within, life, since: self.since, until: self.until, cursor, limit }
    }

    /// The job as lists show it, if it is meant.
    pub(super) fn document(&self, job: &Job) -> Result<Option<Value>, StoreError> {
        let may_be = |texts: &Option<BTreeSet<&str>>, text: &str| {
            texts.as_ref().is_none_or(|texts| texts.contains(text))
        };
        // What costs nothing is asked first.
        let is_possible = job.spec.channel == self.channel
            && may_be(&self.states, job.state.name().name())
            && may_be(&self.handlers, &job.spec.handler);
        if !is_possible {
            return Ok(None);
        }
        let document = document(job)?;
        Ok(self.filter.matches(&document).then_some(document))
    }
}

/// The numbers of the channel's queues, or of those among them that have one of the names.
fn queues(store: &Store, channel: &str, names: Option<&BTreeSet<&str>>) -> Result<BTreeSet<u32>, StoreError> {
    let is_meant = |name: &str| names.is_none_or(|names| names.contains(name));
    let own = store.queues()?.into_iter().filter(|queue| queue.channel == channel);
    Ok(own.filter(|queue| is_meant(&queue.name)).map(|queue| queue.number).collect())
}

/// The indexed terms a job must have to be meant: one of each group.
fn groups(channel: &str, filter: &Filter) -> Vec<Vec<Term>> {
    let group = |path: &Path| {
        let names: Vec<_> = path.names().collect();
        let texts = filter.required(path).filter(|texts| texts.len() <= GROUP_TERMS_MAX)?;
        let terms = texts.into_iter().map(|text| match names[..] {
            ["after", "jobs"] => Some(Term::after(channel, text.parse().ok()?)),
            ["handler"] => Some(Term::handler(channel, text)),
            ["schedule"] => Some(Term::schedule(channel, text)),
            ["parent"] => Some(Term::child(channel, text.parse().ok()?)),
            ["state"] => Term::state(channel, text.parse().ok()?),
            ["tags", key] => Some(Term::tag(channel, key, text)),
            _ => None,
        });
        terms.collect::<Option<Vec<_>>>()
    };
    filter.required_paths().into_iter().filter_map(group).take(GROUPS_MAX).collect()
}

/// The part of life in which jobs are in one of these states.
fn life(states: Option<&BTreeSet<&str>>) -> Life {
    let Some(states) = states else { return Life::Any };
    let finals = states.iter().filter_map(|state| state.parse::<JobState>().ok()).map(JobState::is_final);
    match (finals.clone().any(|is_final| is_final), finals.clone().any(|is_final| !is_final)) {
        (true, false) => Life::Final,
        (false, true) => Life::Live,
        (true, true) | (false, false) => Life::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_tell_in_which_part_of_life_to_look() {
        for (states, expected) in [
            (&["ready", "running"][..], Life::Live),
            (&["failed"], Life::Final),
            (&["failed", "ready"], Life::Any),
        ] {
            assert_eq!(life(Some(&states.iter().copied().collect())), expected, "{states:?}");
        }
        assert_eq!(life(None), Life::Any);
    }

    #[test]
    fn a_cursor_belongs_to_the_order_it_was_made_for() {
        let order = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            Order::parse(&keys, "", &JobFields).unwrap()
        };
        let text = cursor(&(vec![json!("mail")], 7));
        assert!(matches!(from(&text, &order(&["queue"])), Some(From::Job((_, 7)))));
        assert!(from(&text, &order(&["queue", "state"])).is_none());
        assert!(from(&text, &order(&[])).is_none());
        assert!(from("000000000000002a", &order(&["queue"])).is_none());
    }

    #[test]
    fn mistakes_are_pointed_to() {
        for (query, pointer) in [
            (json!({ "filter": { "state": { "$foo": 1 } } }), "/filter/state/$foo"),
            (json!({ "sort": ["-nothing"] }), "/sort/0"),
            (json!({ "fields": ["id", "args"] }), "/fields/1"),
            (json!({ "limit": 0 }), "/limit"),
            (json!({ "cursor": "x" }), "/cursor"),
        ] {
            let refused = Search::new(serde_json::from_value(query.clone()).unwrap()).err().unwrap();
            assert_eq!(refused.detail, Some(json!({ "pointer": pointer })), "{query}");
        }
    }
}
