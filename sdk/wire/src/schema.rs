//! JSON Schemas of the types that are written as text of a form of their own.

use alloc::borrow::{Cow, ToOwned};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::{
    id::JobId,
    limits::{AFTER_JOBS_MAX, TAG_BYTES_MAX, TAGS_MAX},
    span::{SPAN_MILLIS_MAX, Span, Timeout},
    submit::{AfterOptions, EndedAs, Need},
};

/// What [`crate::name::is_name`] accepts, but for the length.
pub const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._:@-]*$";
/// What [`crate::name::is_plugin_name`] accepts.
pub const PLUGIN_NAME: &str = "^[a-z][a-z0-9-]{0,62}$";
/// Digests of versions, and beginnings of them that are long enough to name one.
pub const VERSION: &str = "^[0-9a-f]{4,64}$";
/// Spans as text. That a span may be 100 years long cannot be said exactly, so numbers with many digits are
/// left out.
const SPAN: &str = r"^([0-9]{1,9}(\.[0-9]+)?(ms|s)?|[0-9]{1,7}(\.[0-9]+)?(m|min)|[0-9]{1,5}(\.[0-9]+)?h|[0-9]{1,4}(\.[0-9]+)?d)$";

impl JsonSchema for JobId {
    fn schema_name() -> Cow<'static, str> {
        "JobId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The id of a job, as `job.submit` answered it.",
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
        })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of time: seconds, or a text like `250ms`, `30s`, `5m`, `2h`, `7d`.",
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": SPAN_MILLIS_MAX / 1000},
                {"type": "string", "pattern": SPAN},
            ],
        })
    }
}

impl JsonSchema for Timeout {
    fn schema_name() -> Cow<'static, str> {
        "Timeout".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A limit on time: a span, or `never`.",
            "anyOf": [generator.subschema_for::<Span>(), {"const": "never"}],
        })
    }
}

impl JsonSchema for AfterOptions {
    fn schema_name() -> Cow<'static, str> {
        "AfterOptions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let job = generator.subschema_for::<JobId>();
        let jobs = json!({"type": "array", "items": job, "minItems": 1, "maxItems": AFTER_JOBS_MAX});
        json_schema!({
            "description": "The jobs to come after: their ids, or an object that says which ends count.",
            "anyOf": [
                jobs,
                {
                    "type": "object",
                    "properties": {
                        "jobs": jobs,
                        "need": generator.subschema_for::<Need>(),
                        "ended": generator.subschema_for::<EndedAs>(),
                    },
                    "required": ["jobs"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// Arguments of a handler: by name, in order, or none.
pub fn args(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["object", "array", "null"] })
}

/// Options of a submission that makes sense more than once.
pub(crate) fn repeatable(schema: &mut Schema) {
    let once = ["delay", "run_at", "after", "idempotency_key", "parent"];
    let none = once.map(|name| (name.to_owned(), json!({"type": "null"})));
    let mut properties: Map<_, _> = none.into_iter().collect();
    properties.insert("hold".into(), json!({"const": false}));
    schema.insert("properties".into(), Value::Object(properties));
}

/// A span of at most so many milliseconds. Longer ones as text cannot be told apart by a pattern, so text is left out.
pub(crate) fn span_up_to<const MILLIS_MAX: u64>(schema: &mut Schema) {
    schema.insert("type".into(), "number".into());
    schema.insert("maximum".into(), (MILLIS_MAX / 1000).into());
}

/// Bounds of the tags of a job.
pub(crate) fn tags(schema: &mut Schema) {
    schema.insert("maxProperties".into(), TAGS_MAX.into());
    schema.insert("propertyNames".into(), json!({"minLength": 1, "maxLength": TAG_BYTES_MAX}));
    schema.insert("additionalProperties".into(), json!({"type": "string", "maxLength": TAG_BYTES_MAX}));
}

/// `delay` and `run_at` do not go together.
pub(crate) fn one_due_time(schema: &mut Schema) {
    let given = |name: &str| (name.into(), json!({"not": {"type": "null"}}));
    let both: Map<_, _> = ["delay", "run_at"].map(given).into_iter().collect();
    schema.insert("not".into(), json!({"required": ["delay", "run_at"], "properties": Value::Object(both)}));
}
