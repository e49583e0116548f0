//! Installed handlers as paths of their own, with the types of their own.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use windlass_wire::{code::ErrorCode, plugin::HandlerView, span::Timeout};

use super::{
    operation::{add_refusals, channel, of},
    operations::{NOT_RUN, RUN_FAILURES},
};

/// The call of a handler's active version.
pub(super) fn operation(handler: &HandlerView, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let value = json!({ "application/json": { "schema": handler.result_schema } });
    responses.insert("200".to_owned(), json!({ "description": "The handler's value", "content": value }));
    let always = [
        ErrorCode::BadRequest,
        ErrorCode::Draining,
        ErrorCode::Forbidden,
        ErrorCode::Internal,
        ErrorCode::Unauthorized,
    ];
    add_refusals(&mut responses, always.into_iter().chain(RUN_FAILURES).chain(NOT_RUN), generator);
    let (plugin, _) = handler.name.split_once('/').unwrap_or_default();
    json!({
        "operationId": handler.name,
        "summary": handler.wit,
        "tags": [format!("plugin {plugin}")],
        "parameters": [
            {
                "in": "query",
                "name": "timeout",
                "schema": of::<Timeout>(generator),
                "description": "The time for waiting and running; default 30 s",
            },
            channel(),
        ],
        "requestBody": {
            "required": !handler.params.is_empty(),
            "content": { "application/json": { "schema": { "anyOf": [handler.args_schema, in_order(handler)] } } },
        },
        "responses": responses,
    })
}

/// The schema of the arguments given by position. Options at the end may be left out.
fn in_order(handler: &HandlerView) -> Value {
    let schemas: Vec<_> = handler
        .params
        .iter()
        .map(|param| handler.args_schema["properties"].get(&param.name).cloned().unwrap_or_else(|| json!({})))
        .collect();
    let is_required = |name: &str| {
        let required = handler.args_schema["required"].as_array();
        required.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let fewest = handler.params.iter().rposition(|param| is_required(&param.name)).map_or(0, |last| last + 1);
    let mut schema = json!({ "type": "array", "minItems": fewest, "maxItems": schemas.len() });
    if !schemas.is_empty() {
        schema["prefixItems"] = schemas.into();
    }
    schema
}

#[cfg(test)]
mod tests {
    use windlass_wire::plugin::ParamView;

    use super::*;

    #[test]
    fn options_at_the_end_may_be_left_out() {
        let param = |name: &str| ParamView { name: name.to_owned(), wit: "u8".to_owned() };
        let handler = HandlerView {
            name: "demo/f".to_owned(),
            wit: "func(a: option<u8>, b: u8, c: option<u8>)".to_owned(),
            params: vec![param("a"), param("b"), param("c")],
            result: None,
            args_schema: json!({ "properties": { "a": {}, "b": { "type": "integer" }, "c": {} }, "required": ["b"] }),
            result_schema: json!({ "type": "null" }),
        };
        let expected = json!({ "type": "array", "minItems": 2, "maxItems": 3, "prefixItems": [{}, { "type": "integer" }, {}] });
        assert_eq!(in_order(&handler), expected);
    }
}
