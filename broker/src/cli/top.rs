//! `windlass top`: what the broker does, drawn again whenever it tells something new.

use std::pin::pin;

use serde::de::DeserializeOwned;
use serde_json::Value;
use windlass_client::{Client, ClientError, Update};
use windlass_wire::{
    job::{ChangedJobs, JobPage},
    query::JobQuery,
    topic::Topic,
};

use super::{
    broker::BrokerFlags,
    output::{Form, Output, Screen},
};

mod view;

use view::View;

/// Draws until it is interrupted. What is no terminal gets the figures once.
pub(crate) async fn run(broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let client = broker.find()?.connect().await?;
    if output.is_terminal() && output.form() == Form::Table {
        return watch(&client).await;
    }
    let stats = client.stats().await?;
    if output.form() != Form::Table {
        return Ok(output.record(&stats.started_at, &stats, &[])?);
    }
    let mut view = latest(&client).await?;
    view.figures(stats);
    Ok(output.line(&view.lines(WIDTH_UNKNOWN, HEIGHT_UNKNOWN).join("\n"))?)
}

/// Columns where nobody knows how many there are.
const WIDTH_UNKNOWN: usize = 100;
/// Lines where nobody knows how many there are.
const HEIGHT_UNKNOWN: usize = 40;

async fn watch(client: &Client) -> anyhow::Result<()> {
    let mut figures = client.follow(Topic::Stats, []).await?;
    let mut jobs = client.follow(Topic::Jobs, []).await?;
    let mut view = latest(client).await?;
    let screen = Screen::enter()?;
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            biased;
            interrupted = &mut interrupted => return Ok(interrupted?),
            update = figures.next() => if let Some(stats) = told(update)? { view.figures(stats) },
            update = jobs.next() => if let Some(ChangedJobs { items, .. }) = told(update)? { view.jobs(items) },
        }
        let (width, height) = screen.size();
        screen.draw(&view.lines(width, height))?;
    }
}

/// A view that begins with the newest jobs.
async fn latest(client: &Client) -> Result<View, ClientError> {
    let newest: JobPage =
        client.query(&JobQuery { limit: Some(view::JOBS_MAX), ..JobQuery::default() }).await?;
    let mut view = View::default();
    view.jobs(newest.items.into_iter().rev().collect());
    Ok(view)
}

/// What an update tells; a gap tells nothing, and the next one makes it good.
fn told<T: DeserializeOwned>(update: Option<Update>) -> Result<Option<T>, ClientError> {
    match update {
        Some(Update::Event { data, .. }) => parse(data).map(Some),
        Some(Update::Gap { .. }) => Ok(None),
        None => Err(ClientError::Closed("the broker closed the connection".to_owned())),
    }
}

fn parse<T: DeserializeOwned>(data: Value) -> Result<T, ClientError> {
    serde_json::from_value(data).map_err(|error| ClientError::Protocol(error.to_string()))
}
