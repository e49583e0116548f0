//! The HTTP side as an OpenAPI 3.1 document: what [`ROUTES`] and `operations` say, with schemas made from the types
//! that are read and written, and a path for each installed handler with the types of its own.

use std::sync::Arc;

use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform as _},
};
use serde_json::{Map, Value, json};
use windlass_wire::problem::ProblemDocument;

use super::routes::{Access, ROUTES, Route};
use crate::registry::Plugin;

mod handlers;
mod operation;
mod operations;

use self::operation::Operation;

/// Where schemas are found within the document.
const SCHEMAS: &str = "/components/schemas";
/// The name of the one way to show the token.
const TOKEN: &str = "token";

/// Describes every route, and every handler of the plugins' active versions.
pub(super) fn document(plugins: &[Arc<Plugin>]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = SCHEMAS.into())
        .into_generator();
    let mut paths = Map::new();
    for operation in operations::all() {
        if let Some(route) = route_of(&operation) {
            let described = described(&operation, route, &mut generator);
            insert(&mut paths, operation.path, operation.method.as_str(), described);
        }
    }
    for handler in plugins.iter().flat_map(|plugin| plugin.active.handler_views(&plugin.name)) {
        let path = format!("/v1/call/{}", handler.name);
        insert(&mut paths, &path, "POST", handlers::operation(&handler, &mut generator));
    }
    // Every refusal points to it.
    drop(generator.subschema_for::<ProblemDocument>());
    let mut schemas = generator.take_definitions(true);
    for schema in schemas.values_mut().filter_map(|schema| schema.try_into().ok()) {
        RecursiveTransform(bound).transform(schema);
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "windlass",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A job broker whose handlers are WebAssembly plugins. What has an `x-windlass-op` can also be \
                asked for by that op over the WebSocket. Installed handlers have paths of their own under `/v1/call/`.",
        },
        "security": [{ TOKEN: [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                TOKEN: { "type": "http", "scheme": "bearer", "description": "`windlass token` prints it." },
            },
        },
    })
}

fn route_of(operation: &Operation) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == operation.method && route.path == operation.path)
}

fn insert(paths: &mut Map<String, Value>, path: &str, method: &str, described: Value) {
    let methods = paths.entry(path).or_insert_with(|| json!({}));
    methods[method.to_ascii_lowercase()] = described;
}

/// An operation as the document has it.
fn described(operation: &Operation, route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.name,
        "summary": route.summary,
        "tags": [operation.tag()],
        "parameters": operation.parameters(route.access, generator),
        "responses": operation.responses(route.access, generator),
    });
    if super::ws::OPS.iter().any(|op| op.name == operation.name) {
        described["x-windlass-op"] = operation.name.into();
    }
    if let Some(body) = operation.request_body(generator) {
        described["requestBody"] = body;
    }
    match route.access {
        Access::Open => described["security"] = json!([]),
        // The token may also come in the first frame.
        Access::Hello => described["security"] = json!([{ TOKEN: [] }, {}]),
        Access::Token => {}
    }
    described
}

/// Says the bounds that a format only means.
fn bound(schema: &mut Schema) {
    if schema.get("format").is_some_and(|format| format == "uint32") && schema.get("maximum").is_none() {
        schema.insert("maximum".into(), u32::MAX.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use windlass_wire::frame;

    use super::*;

    const PROTOCOL: &str = include_str!("../../../sdk/wire/PROTOCOL.md");

    /// What is said under each pair of method and path.
    fn all() -> Vec<(String, Value)> {
        let document = document(&[]);
        let paths = document["paths"].as_object().unwrap().clone();
        let of_path = |(path, methods): (String, Value)| {
            let methods = methods.as_object().unwrap().clone();
            methods.into_iter().map(move |(method, said)| (format!("{} {path}", method.to_uppercase()), said))
        };
        paths.into_iter().flat_map(of_path).collect()
    }

    #[test]
    fn every_route_is_described_once() {
        let routes: BTreeSet<_> =
            ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        let described: Vec<_> = operations::all()
            .iter()
            .map(|operation| format!("{} {}", operation.method, operation.path))
            .collect();
        assert_eq!(described.iter().cloned().collect::<BTreeSet<_>>(), routes);
        assert_eq!(described.len(), routes.len(), "no route is described twice");
        let ids: BTreeSet<_> = operations::all().iter().map(|operation| operation.name).collect();
        assert_eq!(ids.len(), routes.len(), "names are unique");
    }

    #[test]
    fn every_op_with_a_twin_over_http_names_it() {
        let all = all();
        let rows = PROTOCOL.lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows.filter_map(|row| row.split_once('`'));
        let mut twins = 0;
        for (op, rest) in rows.filter(|(op, _)| super::super::ws::OPS.iter().any(|known| known.name == *op)) {
            // The first twin is the op itself; further ones are other forms of it.
            let Some(route) = rest.split('`').find(|text| text.contains(" /v1/")) else { continue };
            let route = route.split('?').next().unwrap();
            let (_, said) = all
                .iter()
                .find(|(pair, _)| normal(pair) == normal(route))
                .unwrap_or_else(|| panic!("`{op}` is `{route}` in PROTOCOL.md, which is not described"));
            assert_eq!(said["x-windlass-op"], op, "`{route}`");
            twins += 1;
        }
        assert!(twins >= 8, "the tables of PROTOCOL.md were found");
    }

    /// The names of variable parts do not matter.
    fn normal(route: &str) -> String {
        let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
        route.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn every_query_key_an_endpoint_takes_is_described() {
        let endpoints = [
            include_str!("endpoints/about.rs"),
            include_str!("endpoints/calls.rs"),
            include_str!("endpoints/jobs.rs"),
            include_str!("endpoints/live.rs"),
            include_str!("endpoints/plugins.rs"),
            include_str!("endpoints/search.rs"),
        ];
        let taken = endpoints.iter().flat_map(|text| text.split("query.take").skip(1));
        // What is taken by a name that is not written there is left to schemathesis.
        let taken =
            taken.filter_map(|rest| rest.split_once("(\"")).filter(|(ty, _)| !ty.contains(['(', ' ']));
        let taken: BTreeSet<_> = taken.map(|(_, rest)| rest.split('"').next().unwrap().to_owned()).collect();
        assert!(taken.len() > 8, "the endpoints were read");
        let described =
            all().into_iter().flat_map(|(_, said)| said["parameters"].as_array().unwrap().clone());
        let described: BTreeSet<_> = described
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        assert!(described.is_superset(&taken), "{described:?} and not {taken:?}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(&[]);
        let text = document.to_string();
        let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        let missing: Vec<_> = references.filter(|place| document.pointer(place).is_none()).collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn every_variable_part_of_a_path_is_a_parameter() {
        for (pair, said) in all() {
            let parts = pair.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
            let parameters = said["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            let names: Vec<_> =
                in_path.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
            assert_eq!(names, parts.collect::<Vec<_>>(), "{pair}");
        }
    }

    #[test]
    fn every_subprotocol_is_told() {
        let upgrade = all().into_iter().find(|(pair, _)| pair == "GET /v1/ws").unwrap().1;
        assert!(frame::SUBPROTOCOLS.iter().all(|subprotocol| upgrade.to_string().contains(subprotocol)));
    }
}
