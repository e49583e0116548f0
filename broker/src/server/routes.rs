//! Every route of the HTTP side, in one table. A route cannot exist without saying who may use it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use hyper::Method;
use windlass_wire::problem::Problem;

use super::{
    answer::Answer,
    endpoints::{about, calls, jobs, live, plugins, queues, schedules, search, store},
    exchange::Exchange,
    query::decode,
    ws,
};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever shows the token, in the request or in the first frame after it.
    Hello,
    /// Everybody.
    Open,
    /// Whoever shows the token.
    Token,
}

type Endpoint = fn(Exchange) -> BoxFuture<'static, Result<Answer, Problem>>;

/// One method of one path.
#[derive(Debug)]
pub struct Route {
    /// The method; `GET` also answers `HEAD`.
    pub method: Method,
    /// The path, with `{name}` for its variable parts.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What it does, in a few words.
    pub summary: &'static str,
    pub(super) endpoint: Endpoint,
}

/// A table row: `METHOD path access endpoint "summary"`.
macro_rules! routes {
    ($($method:ident $path:literal $access:ident $endpoint:path, $summary:literal;)*) => {
        /// Every route.
        pub static ROUTES: &[Route] = &[$(Route {
            method: Method::$method,
            path: $path,
            access: Access::$access,
            summary: $summary,
            endpoint: |exchange| Box::pin($endpoint(exchange)),
        },)*];
    };
}

routes! {
    GET "/" Open about::front, "The console, or what this is and how to begin";
    GET "/assets/{file}" Open about::asset, "A file of the console";
    GET "/healthz" Open about::healthz, "Whether the process lives";
    GET "/readyz" Open about::readyz, "Whether requests are taken";
    GET "/metrics" Token about::metrics, "Counters in the OpenMetrics text format";
    GET "/v1/connections" Token about::connections, "WebSockets, open and gone";
    GET "/v1/events" Token live::events, "Jobs, figures or a list as server-sent events";
    GET "/v1/identity" Token about::identity, "Who answers here";
    POST "/v1/backup" Token store::backup, "A copy of everything that is remembered, as a file";
    POST "/v1/bulk" Token search::bulk, "Do something to every job a filter means";
    POST "/v1/call/{plugin}/{function}" Token calls::call, "Run a handler now and answer its value";
    GET "/v1/jobs" Token search::list, "A page of jobs, newest first";
    POST "/v1/jobs" Token jobs::submit, "Submit a job";
    POST "/v1/jobs/query" Token search::query, "A page of the jobs a filter means";
    POST "/v1/jobs/status" Token jobs::status, "The states of many jobs";
    GET "/v1/jobs/{id}" Token jobs::get, "A job";
    POST "/v1/jobs/{id}/cancel" Token jobs::cancel, "Cancel a job";
    GET "/v1/jobs/{id}/events" Token jobs::events, "The changes of a job as server-sent events";
    GET "/v1/jobs/{id}/history" Token jobs::history, "What is known of a job's life";
    GET "/v1/jobs/{id}/logs" Token jobs::logs, "What a job logged";
    POST "/v1/jobs/{id}/purge" Token jobs::purge, "Forget a final job";
    GET "/v1/jobs/{id}/result" Token jobs::result, "The result of a job";
    POST "/v1/jobs/{id}/release" Token jobs::release, "Let a job go on that was submitted with `hold`";
    POST "/v1/jobs/{id}/retry" Token jobs::retry, "Submit a final job again, as a new one";
    GET "/v1/openapi.json" Token about::openapi, "This API as an OpenAPI document, installed handlers included";
    GET "/v1/plugins" Token plugins::list, "All plugins";
    GET "/v1/plugins/{name}" Token plugins::get, "A plugin";
    PUT "/v1/plugins/{name}" Token plugins::upload, "Upload a component and make it the active version";
    GET "/v1/plugins/{name}/versions/{digest}/schema" Token plugins::schemas, "JSON Schemas of a version's handlers";
    POST "/v1/plugins/{name}/activate" Token plugins::activate, "Make one of a plugin's versions the active one";
    POST "/v1/plugins/{name}/rollback" Token plugins::rollback, "Make the version active that was active before";
    GET "/v1/queues" Token queues::list, "All queues";
    GET "/v1/queues/{queue}" Token queues::get, "A queue";
    POST "/v1/queues/{queue}/limit" Token queues::limit, "Limit how many jobs of a queue run or start";
    POST "/v1/queues/{queue}/pause" Token queues::pause, "Let no job of a queue start";
    POST "/v1/queues/{queue}/purge" Token queues::purge, "Cancel the jobs of a queue that do not run";
    POST "/v1/queues/{queue}/resume" Token queues::resume, "Let jobs of a queue start again";
    GET "/v1/schedules" Token schedules::list, "A page of the schedules, by name";
    GET "/v1/schedules/{schedule}" Token schedules::get, "A schedule";
    PUT "/v1/schedules/{schedule}" Token schedules::put, "Make a schedule, or change it into this one";
    DELETE "/v1/schedules/{schedule}" Token schedules::delete, "Forget a schedule; its jobs stay";
    POST "/v1/schedules/{schedule}/pause" Token schedules::pause, "Let no tick of a schedule submit a job";
    POST "/v1/schedules/{schedule}/resume" Token schedules::resume, "Let ticks of a schedule submit jobs again";
    POST "/v1/schedules/{schedule}/trigger" Token schedules::trigger, "Submit a job of a schedule now";
    GET "/v1/stats" Token live::stats, "Figures of the broker, with the last hour";
    POST "/v1/verify" Token store::verify, "Look whether everything that is remembered is what it should be";
    GET "/v1/workers" Token about::workers, "What runs jobs and calls";
    GET "/v1/ws" Hello ws::upgrade, "Upgrade to a WebSocket";
}

/// Finds routes.
pub(super) struct Router(matchit::Router<Vec<&'static Route>>);

/// What a path and method lead to.
pub(super) enum Found {
    /// A route, with the decoded variable parts of the path.
    Route(&'static Route, Vec<(String, String)>),
    /// The path exists, but only with these methods.
    OtherMethods(Vec<&'static str>),
    /// There is no such path.
    Nothing,
}

impl Router {
    /// A router over [`ROUTES`].
    pub(super) fn new() -> Result<Self, matchit::InsertError> {
        let mut paths: BTreeMap<&str, Vec<&'static Route>> = BTreeMap::new();
        for route in ROUTES {
            paths.entry(route.path).or_default().push(route);
        }
        let mut router = matchit::Router::new();
        for (path, routes) in paths {
            router.insert(path, routes)?;
        }
        Ok(Self(router))
    }

    /// Finds the route of a request. Variable parts are decoded after the path was taken apart, so that an
    /// encoded slash stays within its part.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found, Problem> {
        let Ok(matched) = self.0.at(path) else { return Ok(Found::Nothing) };
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some(route) = matched.value.iter().find(|route| route.method == method) else {
            let mut methods: Vec<_> = matched.value.iter().map(|route| route.method.as_str()).collect();
            if methods.contains(&"GET") {
                methods.push("HEAD");
            }
            return Ok(Found::OtherMethods(methods));
        };
        let params = matched.params.iter().map(|(name, value)| Ok((name.to_owned(), decode(value)?)));
        Ok(Found::Route(route, params.collect::<Result<_, Problem>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &Method, path: &str) -> Found {
        Router::new().unwrap().find(method, path).unwrap()
    }

    #[test]
    fn every_route_leads_to_itself() {
        for route in ROUTES {
            let path = route.path.replace(['{', '}'], "");
            assert!(
                matches!(find(&route.method, &path), Found::Route(found, _) if found.path == route.path),
                "{path}"
            );
        }
    }

    #[test]
    fn every_route_is_in_the_protocol() {
        let protocol = include_str!("../../../sdk/wire/PROTOCOL.md");
        for route in ROUTES {
            assert!(
                protocol.contains(&format!("{} {}", route.method, route.path)),
                "{} {}",
                route.method,
                route.path
            );
        }
    }

    #[test]
    fn only_these_routes_are_open() {
        let open: Vec<_> =
            ROUTES.iter().filter(|route| route.access != Access::Token).map(|route| route.path).collect();
        assert_eq!(open, ["/", "/assets/{file}", "/healthz", "/readyz", "/v1/ws"]);
    }

    #[test]
    fn parts_are_decoded_one_by_one() {
        let Found::Route(_, params) = find(&Method::POST, "/v1/call/math/a%2Fb.c") else {
            panic!("no route")
        };
        assert_eq!(
            params,
            [("plugin".to_owned(), "math".to_owned()), ("function".to_owned(), "a/b.c".to_owned())]
        );
        assert!(Router::new().unwrap().find(&Method::GET, "/v1/jobs/%zz").is_err());
    }

    #[test]
    fn other_methods_are_told() {
        let Found::OtherMethods(methods) = find(&Method::DELETE, "/v1/jobs") else { panic!("found") };
        assert_eq!(methods, ["GET", "POST", "HEAD"]);
        assert!(matches!(find(&Method::HEAD, "/healthz"), Found::Route(..)));
        assert!(matches!(find(&Method::GET, "/v1/jobs/"), Found::Nothing));
    }
}
