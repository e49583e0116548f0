//! The client: what can be asked of a broker over one WebSocket.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use windlass_wire::{
    connection::{ConnectionList, ConnectionView},
    id::JobId,
    job::{JobPage, JobStatus, JobStatuses, JobView},
    plugin::PluginView,
    query::{BulkOutcome, BulkRequest, JobHistory, JobQuery},
    schedule::{ScheduleOptions, SchedulePage, ScheduleView},
    span::Timeout,
    stats::StatsView,
    submit::{CallOptions, SubmitOptions},
    topic::Topic,
    worker::{WorkerList, WorkerView},
};

use crate::{
    ClientError, Subscription,
    answers::Answer,
    connection::{Abandon, Connection},
    endpoint::Endpoint,
    subscription::UPDATES_MAX,
};

/// A connection to a broker. Cheap to clone; all clones share one socket, which closes with the last of them.
///
/// At most 512 requests are unanswered at once; further ones wait for their turn.
#[derive(Debug, Clone)]
pub struct Client(Arc<Connection>);

impl Client {
    /// Connects to the broker at `url` (`http://HOST:PORT` or `ws://HOST:PORT`).
    pub async fn connect(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        Connection::open(&Endpoint::parse(url, token)?).await.map(Self)
    }

    /// Runs a handler now and answers its value.
    ///
    /// Cancel safety: dropping the future asks the broker to stop the call.
    pub async fn call(
        &self,
        handler: &str,
        args: Value,
        options: &CallOptions,
    ) -> Result<Value, ClientError> {
        let frame = frame(handler, [("args", args), ("opts", to_value(options)?)]);
        value(self.0.request(frame, Abandon::Cancel, None).await?)
    }

    /// Submits a job. When this answers, the job is on the broker's disk.
    ///
    /// Cancel safety: if the future is dropped, the job may or may not have been accepted.
    pub async fn submit(
        &self,
        handler: &str,
        args: Value,
        options: &SubmitOptions,
    ) -> Result<JobId, ClientError> {
        let handler = ("handler", Value::from(handler));
        let frame = frame("job.submit", [handler, ("args", args), ("opts", to_value(options)?)]);
        accepted("job.submit", self.0.request(frame, Abandon::Ignore, None).await?)
    }

    /// Submits a final job again as a new one, whose id it answers: on the active version of its handler, or on
    /// that whose digest begins with `version`.
    ///
    /// Cancel safety: if the future is dropped, the new job may or may not have been accepted.
    pub async fn retry(&self, job: JobId, version: Option<&str>) -> Result<JobId, ClientError> {
        let mut params = vec![("job", to_value(&job)?)];
        params.extend(version.map(|version| ("version", Value::from(version))));
        let frame = frame("job.retry", params);
        accepted("job.retry", self.0.request(frame, Abandon::Ignore, None).await?)
    }

    /// Waits for a job's result. If it did not succeed, the error is [`ClientError::Refused`] with the job's code;
    /// if patience ends first, its code is `timed_out` and its `detail.state` tells where the job is.
    /// Neither patience nor its end affects the job. `None` is the broker's default patience.
    ///
    /// Cancel safety: dropping the future stops waiting; the job goes on.
    pub async fn wait(&self, job: JobId, patience: Option<Timeout>) -> Result<Value, ClientError> {
        let mut params = vec![("job", to_value(&job)?)];
        if let Some(patience) = patience {
            params.push(("timeout", to_value(&patience)?));
        }
        self.request("job.wait", params).await
    }

    /// The record of a job.
    pub async fn job(&self, job: JobId) -> Result<JobView, ClientError> {
        parse(self.request("job.get", [("job", to_value(&job)?)]).await?)
    }

    /// The states of up to 1000 jobs, in their order; of those that are not there, the reason.
    pub async fn statuses(&self, jobs: &[JobId]) -> Result<Vec<JobStatus>, ClientError> {
        let list: JobStatuses = parse(self.request("job.status", [("jobs", to_value(&jobs)?)]).await?)?;
        Ok(list.items)
    }

    /// What the job wrote to its log, as far as it was kept.
    pub async fn logs(&self, job: JobId) -> Result<String, ClientError> {
        parse(self.request("job.logs", [("job", to_value(&job)?)]).await?)
    }

    /// A page of the jobs a query means. With `fields`, `T` is something that has them; else [`JobView`] does.
    pub async fn query<T: DeserializeOwned>(&self, query: &JobQuery) -> Result<JobPage<T>, ClientError> {
        parse(self.request_with("job.query", query).await?)
    }

    /// Does something to every job a filter means, or counts them. When this answers, it is durable.
    ///
    /// Cancel safety: if the future is dropped, it may have been done to some of them.
    pub async fn bulk(&self, request: &BulkRequest) -> Result<BulkOutcome, ClientError> {
        parse(self.request_with("job.bulk", request).await?)
    }

    /// What is known of a job's life.
    pub async fn history(&self, job: JobId) -> Result<JobHistory, ClientError> {
        parse(self.request("job.history", [("job", to_value(&job)?)]).await?)
    }

    /// Forgets a final job with everything that is kept of it. When this answers, that is durable.
    pub async fn purge(&self, job: JobId) -> Result<(), ClientError> {
        self.request("job.purge", [("job", to_value(&job)?)]).await.map(drop)
    }

    /// Cancels a job. When this answers, the job is durably `cancelled`.
    pub async fn cancel(&self, job: JobId) -> Result<(), ClientError> {
        self.request("job.cancel", [("job", to_value(&job)?)]).await.map(drop)
    }

    /// Makes one of a plugin's versions the active one. `version` is its digest, or the unique beginning of it.
    pub async fn activate(&self, plugin: &str, version: &str) -> Result<PluginView, ClientError> {
        let params = [("plugin", Value::from(plugin)), ("version", Value::from(version))];
        parse(self.request("plugin.activate", params).await?)
    }

    /// Makes the version of a plugin active that was active before.
    pub async fn rollback(&self, plugin: &str) -> Result<PluginView, ClientError> {
        parse(self.request("plugin.rollback", [("plugin", Value::from(plugin))]).await?)
    }

    /// Every worker, with the jobs of this channel that it runs.
    pub async fn workers(&self) -> Result<Vec<WorkerView>, ClientError> {
        let list: WorkerList = parse(self.request("worker.list", []).await?)?;
        Ok(list.items)
    }

    /// The connections of this channel, open and gone.
    pub async fn connections(&self) -> Result<Vec<ConnectionView>, ClientError> {
        let list: ConnectionList = parse(self.request("connection.list", []).await?)?;
        Ok(list.items)
    }

    /// Figures of the broker, with its last hour.
    pub async fn stats(&self) -> Result<StatsView, ClientError> {
        parse(self.request("stats.get", []).await?)
    }

    /// Lets a job go on that was submitted with `hold`. When this answers, that is durable.
    pub async fn release(&self, job: JobId) -> Result<(), ClientError> {
        self.request("job.release", [("job", to_value(&job)?)]).await.map(drop)
    }

    /// A page of the schedules, by name and without their arguments; `cursor` is `next` of the page before.
    pub async fn schedules(
        &self,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<SchedulePage, ClientError> {
        let limit = limit.map(|limit| ("limit", Value::from(limit)));
        let cursor = cursor.map(|cursor| ("cursor", Value::from(cursor)));
        parse(self.request("schedule.list", limit.into_iter().chain(cursor)).await?)
    }

    /// A schedule.
    pub async fn schedule(&self, name: &str) -> Result<ScheduleView, ClientError> {
        parse(self.request("schedule.get", [("name", Value::from(name))]).await?)
    }

    /// Makes a schedule, or changes it into this one. When this answers, that is durable.
    pub async fn put_schedule(
        &self,
        name: &str,
        options: &ScheduleOptions,
    ) -> Result<ScheduleView, ClientError> {
        let mut params: Map<_, _> = parse(to_value(options)?)?;
        params.insert("name".to_owned(), Value::from(name));
        parse(self.request_with("schedule.put", &params).await?)
    }

    /// Forgets a schedule; its jobs stay. When this answers, that is durable.
    pub async fn delete_schedule(&self, name: &str) -> Result<(), ClientError> {
        self.request("schedule.delete", [("name", Value::from(name))]).await.map(drop)
    }

    /// Lets no tick of a schedule submit a job. When this answers, that is durable.
    pub async fn pause_schedule(&self, name: &str) -> Result<ScheduleView, ClientError> {
        parse(self.request("schedule.pause", [("name", Value::from(name))]).await?)
    }

    /// Lets ticks of a schedule submit jobs again. When this answers, that is durable.
    pub async fn resume_schedule(&self, name: &str) -> Result<ScheduleView, ClientError> {
        parse(self.request("schedule.resume", [("name", Value::from(name))]).await?)
    }

    /// Submits a job of a schedule now. When this answers, the job is on the broker's disk.
    ///
    /// Cancel safety: if the future is dropped, the job may or may not have been accepted.
    pub async fn trigger_schedule(&self, name: &str) -> Result<JobId, ClientError> {
        let frame = frame("schedule.trigger", [("name", Value::from(name))]);
        accepted("schedule.trigger", self.0.request(frame, Abandon::Ignore, None).await?)
    }

    /// Subscribes to everything that happens to a job. The first update tells how the job is now; its `seq` is 0.
    ///
    /// Cancel safety: if the future is dropped, the subscription may stay open until the connection closes.
    pub async fn subscribe(&self, job: JobId) -> Result<Subscription, ClientError> {
        self.follow(Topic::Job, [("filter", json!({ "job": job }))]).await
    }

    /// Subscribes to a topic, with its parameters.
    ///
    /// Cancel safety: if the future is dropped, the subscription may stay open until the connection closes.
    pub async fn follow(
        &self,
        topic: Topic,
        params: impl IntoIterator<Item = (&str, Value)>,
    ) -> Result<Subscription, ClientError> {
        let (sender, updates) = mpsc::channel(UPDATES_MAX);
        let topic = ("topic", Value::from(topic.name()));
        let frame = frame("sub.open", params.into_iter().chain([topic]));
        let answer = value(self.0.request(frame, Abandon::Ignore, Some(sender)).await?)?;
        let sub = answer.get("sub").and_then(Value::as_u64).ok_or_else(|| unexpected("sub.open", &answer))?;
        Ok(Subscription::new(sub, updates, Arc::clone(&self.0)))
    }

    /// Asks one of the broker's own ops, whose parameters are the fields of an object.
    async fn request_with(&self, op: &str, params: &impl Serialize) -> Result<Value, ClientError> {
        let mut frame: Map<_, _> = parse(to_value(params)?)?;
        frame.insert("op".to_owned(), Value::from(op));
        value(self.0.request(frame, Abandon::Ignore, None).await?)
    }

    /// Asks one of the broker's own ops, with its parameters.
    ///
    /// Cancel safety: if the future is dropped, the op may or may not have been carried out.
    pub async fn request(
        &self,
        op: &str,
        params: impl IntoIterator<Item = (&str, Value)>,
    ) -> Result<Value, ClientError> {
        value(self.0.request(frame(op, params), Abandon::Ignore, None).await?)
    }
}

fn frame<'a>(op: &str, params: impl IntoIterator<Item = (&'a str, Value)>) -> Map<String, Value> {
    let mut frame: Map<_, _> = params.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    frame.insert("op".to_owned(), Value::from(op));
    frame
}

fn accepted(op: &str, answer: Answer) -> Result<JobId, ClientError> {
    match answer {
        Answer::Accepted(job) => Ok(job),
        Answer::Value(other) => Err(unexpected(op, &other)),
    }
}

fn value(answer: Answer) -> Result<Value, ClientError> {
    match answer {
        Answer::Value(value) => Ok(value),
        Answer::Accepted(job) => {
            Err(ClientError::Protocol(format!("`accepted` with job {job} was not asked for")))
        }
    }
}

fn to_value(value: &impl Serialize) -> Result<Value, ClientError> {
    serde_json::to_value(value)
        .map_err(|error| ClientError::Protocol(format!("cannot be written as JSON: {error}")))
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, ClientError> {
    serde_json::from_value(value).map_err(|error| ClientError::Protocol(error.to_string()))
}

fn unexpected(op: &str, answer: &Value) -> ClientError {
    ClientError::Protocol(format!("`{op}` was answered with {answer}"))
}
